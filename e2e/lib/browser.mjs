// What the browser judges share: claims that are counted, a Ward that is started and stopped, a
// browser with an authenticator of its own, screenshots at both sizes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

// WHY require: it looks for packages along NODE_PATH, an import does not.
export const { chromium } = createRequire(import.meta.url)("playwright-core");

export const STEP_MS_MAX = 15_000;
export const START_MS_MAX = 240_000;
export const SIZES = {
  desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 },
};

/** How many claims held, and how many did not. */
export let passed = 0;
export let failed = 0;

/** One claim. */
export function check(what, holds, seen = "") {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}${holds || seen === "" ? "" : `: ${seen}`}`);
}

/** What a probe finds within some time, or null. */
export async function until(ms, probe) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) return null;
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** Starts Ward; gives what it said that matches `wanted`, and how to stop it. */
export async function start(words, wanted) {
  const child = spawn(process.env.WARD_BIN, words, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (bytes) => { said += bytes; });
  const found = await until(START_MS_MAX, () => {
    if (child.exitCode !== null) throw new Error(`ward ${words[0]} ended with ${child.exitCode}`);
    return said.match(wanted)?.[0];
  });
  if (!found) throw new Error(`ward ${words[0]} did not say ${wanted}: ${said}`);
  const stop = async () => {
    child.kill("SIGINT");
    const ended = child.exitCode ?? (await once(child, "exit"))[0];
    check(`ward ${words[0]} stops cleanly`, ended === 0, ended);
  };
  return { found, stop };
}

/** A browser of one operator: a context with an authenticator that is his alone. What the browser
 * says of an answer that is `expected` to be refused is no fault. */
export async function operator(browser, faults, expected = /status of 40[139]/) {
  const context = await browser.newContext({ viewport: SIZES.desktop, locale: "en-GB" });
  const page = await context.newPage();
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (said) => {
    if (said.type() === "error" && !expected.test(said.text())) faults.push(said.text());
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
    hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
  } });
  const tell = (verb, more = {}) => cdp.send(`WebAuthn.${verb}`, { authenticatorId, ...more });
  return { context, page, tell };
}

/** Presses a button that asks for a passkey; gives what was said, empty when the page moved on. */
export async function press(page, button, moved) {
  await page.click(button);
  const said = page.locator("[data-said]:not(:empty)").first();
  return Promise.race([
    page.waitForURL(moved, { timeout: STEP_MS_MAX }).then(() => ""),
    said.waitFor({ timeout: STEP_MS_MAX }).then(() => said.innerText()),
  ]);
}

/** A page at both sizes: kept if asked for, and never wider than its window. */
export async function shot(page, shots, suite, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await page.waitForTimeout(200);
    if (shots) {
      await page.screenshot({ path: join(shots, `${suite}-${name}-${size}.png`), fullPage: true });
    }
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name} fits a ${size}`, over <= 0, `${over} px too wide`);
  }
  await page.setViewportSize(SIZES.desktop);
}
