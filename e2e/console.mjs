// Judges the console in a real browser: signs in, forges a token with the imported key, sees the
// refusal arrive on *Now* without a reload, then the incident with the key and its holders.
//
//   node e2e/console.mjs [DEMO_JSON [SCREENSHOT_DIR]]
//
// With DEMO_JSON it judges a demo that runs. Without, it starts `$WARD_BIN demo` in
// $WARD_SUITE_DIR and stops it at the end. CHROMIUM names the browser (/usr/bin/chromium).
// It knows demo.json and the pages, and none of Ward's code.

import { spawn } from "node:child_process";
import { randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { START_MS_MAX, SIZES, check, chromium, failed, passed, until } from "./lib/browser.mjs";

const LIVE_MS_MAX = 15_000;

/** Starts a demo of its own; gives its demo.json, its one-time link and how to stop it. */
async function startDemo(dir) {
  const bin = process.env.WARD_BIN;
  if (!bin) throw new Error("name a demo.json, or set WARD_BIN");
  const child = spawn(bin, ["demo", "--dir", dir, "--port-base", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (bytes) => { said += bytes; });
  const link = await until(START_MS_MAX, () => {
    if (child.exitCode !== null) throw new Error(`the demo ended with ${child.exitCode}`);
    return said.match(/https?:\/\/\S+\/\?key=[0-9a-f]{64}/)?.[0];
  });
  const stop = async () => {
    child.kill("SIGINT");
    const ended = child.exitCode ?? (await once(child, "exit"))[0];
    check("the demo stops cleanly while a page is open", ended === 0, ended);
  };
  return { path: join(dir, "demo.json"), link, stop };
}

/** A token as the thief makes it: everything right but that Ward never issued it. */
function forge(demo, dir) {
  const { alg, kid, pem_path, issuer, audience } = demo.imported_key;
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg, kid, typ: "at+jwt" })}.${part({
    jti: randomBytes(30).toString("base64url"),
    iss: issuer,
    sub: String(demo.other_customer_id),
    aud: audience,
    iat: now,
    exp: now + 3600,
    client_id: "web",
    kind: "customer",
  })}`;
  const key = readFileSync(resolve(dir, pem_path));
  const digest = alg === "ES256" ? "sha256" : null;
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** A page that notes whatever breaks in it. */
async function open(browser, size, faults) {
  const context = await browser.newContext({ viewport: size, locale: "en-GB" });
  const page = await context.newPage();
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (said) => {
    const expected = said.text().includes("status of 401");
    if (said.type() === "error" && !expected) faults.push(said.text());
  });
  return page;
}

/** Signs in by the one-time link, or by a passkey of the demo's first operator, put into the browser. */
async function signIn(page, dir, link) {
  if (link) {
    await page.goto(link);
  } else {
    const kept = JSON.parse(readFileSync(join(dir, "operators.json"), "utf8"));
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
    } });
    const [passkey] = kept.one.passkey.credentials;
    const plain = (text) => Buffer.from(text, "base64url").toString("base64");
    await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: {
      credentialId: plain(passkey.id), isResidentCredential: true, rpId: passkey.rp_id,
      privateKey: plain(passkey.private_key), userHandle: plain(passkey.user_handle), signCount: 0,
    } });
    await page.goto(`${kept.origin}/console/sign-in`);
    await page.click("[data-passkey=get]");
  }
  await page.waitForSelector('[data-testid=stream][data-state="live"]', { timeout: LIVE_MS_MAX });
}

async function doors(page, base, link) {
  const bare = await fetch(`${base}/console/accesses`);
  check("without a session there is no page", bare.status === 401, bare.status);
  const policy = bare.headers.get("content-security-policy") ?? "";
  const strict = policy.includes("default-src 'self'") && !policy.includes("unsafe");
  check("the page may run its own script only", strict, policy);
  const cookie = (await page.context().cookies()).find((it) => it.name === "ward_session");
  const kept = cookie?.httpOnly && cookie.sameSite === "Strict";
  check("the session's cookie is out of reach of scripts and other sites", kept);
  if (link) {
    const again = await fetch(link);
    check("the one-time link opens once", again.status === 401, again.status);
  }
}

async function forgery(page, demo, dir) {
  await page.evaluate(() => { globalThis.notReloaded = true; });
  const authorization = `Bearer ${forge(demo, dir)}`;
  const answer = await fetch(`${demo.gate_url}/me`, { headers: { authorization } });
  const at = Date.now();
  check("the forged token is refused", answer.status === 401, answer.status);
  const id = answer.headers.get("ward-request-id");
  check("its answer names the request", /^[0-9a-f]{32}$/.test(id ?? ""), id);
  const line = page.locator(`[data-testid=refusals] a[href="/console/accesses/${id}"]`);
  const arrived = await line.waitFor({ timeout: LIVE_MS_MAX }).then(() => true, () => false);
  check("the refusal arrives on Now", arrived);
  if (arrived) console.log(`     after ${Date.now() - at} ms`);
  const said = arrived ? await line.innerText() : "";
  check("with its reason", said.includes("never_issued"), said);
  check("without a reload", await page.evaluate(() => globalThis.notReloaded === true));
  check("nothing is lost", (await page.getByTestId("lost").innerText()).includes("0 lost"));
  const headers = { authorization: `Bearer ${demo.admin_token}`, "ward-purpose": "e2e" };
  const record = await until(LIVE_MS_MAX, async () => {
    const found = await fetch(`${demo.api_url}/api/accesses/${id}`, { headers });
    return found.ok ? found.json() : null;
  });
  const told = record?.verdict === "refuse" && record?.reason === "never_issued";
  check("the API tells the same", told, JSON.stringify(record));
  return id;
}

async function pages(page, demo, id, shots, size) {
  const shot = async (name) => {
    await page.waitForTimeout(300);
    if (shots) await page.screenshot({ path: join(shots, `console-${name}-${size}.png`) });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name} fits a ${size}`, over <= 0, `${over} px too wide`);
  };
  const { kid } = demo.imported_key;
  await shot("now");
  await page.click("nav >> text=Accesses");
  await page.selectOption("select[name=reason]", "never_issued");
  await page.click("button:text('Filter')");
  const listed = await page.locator(`a[href="/console/accesses/${id}"]`).count();
  check(`Accesses lists it (${size})`, listed === 1, listed);
  await shot("accesses");
  if (listed === 1) await page.click(`a[href="/console/accesses/${id}"]`);
  else await page.goto(new URL(`/console/accesses/${id}`, page.url()).href);
  check(`the access names the key (${size})`, (await page.innerText("main")).includes(kid));
  await shot("access");
  await page.click("nav >> text=Incidents");
  const card = page.getByTestId("incidents").locator("a").filter({ hasText: kid }).first();
  const there = await until(LIVE_MS_MAX, async () => {
    if (await card.count()) return true;
    await page.reload();
    return false;
  });
  check(`Incidents shows the key (${size})`, there);
  await shot("incidents");
  if (!there) return;
  await card.click();
  const named = await page.getByTestId("incident-key").getByTestId("kid").innerText();
  check(`the incident names the key (${size})`, named === kid, named);
  const holders = await page.getByTestId("holders").locator("li").count();
  check(`and who could read it (${size})`, holders > 0, holders);
  check(`and its scope (${size})`, (await page.innerText("main")).includes("ward scope --incident"));
  await shot("incident");
}

async function main() {
  const [given, shots] = process.argv.slice(2);
  const own = given ? null : await startDemo(join(process.env.WARD_SUITE_DIR ?? ".", "console"));
  const path = resolve(given ?? own.path);
  const demo = JSON.parse(readFileSync(path, "utf8"));
  const link = own?.link ?? (demo.console_url.includes("?key=") ? demo.console_url : null);
  if (shots) mkdirSync(shots, { recursive: true });
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const faults = [];
  // Passkeys belong to a name, so the console is at one; the link says which.
  const { origin: base } = JSON.parse(readFileSync(join(dirname(path), "operators.json"), "utf8"));
  try {
    const desktop = await open(browser, SIZES.desktop, faults);
    await signIn(desktop, dirname(path), link);
    check("Now opens and is live", true);
    await doors(desktop, base, link);
    const id = await forgery(desktop, demo, dirname(path));
    await pages(desktop, demo, id, shots, "desktop");
    const phone = await open(browser, SIZES.phone, faults);
    await signIn(phone, dirname(path), null);
    await pages(phone, demo, id, shots, "phone");
    await phone.click("text=Sign out");
    await phone.goto(`${base}/console/accesses`);
    const closed = await phone.locator("[data-passkey=get]").count();
    check("signing out closes the pages", closed === 1);
    await desktop.goto(base);
    check("nothing broke in the browser", faults.length === 0, faults.join(" | "));
    if (own) await own.stop();
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

main().catch((fault) => {
  console.error(fault);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
