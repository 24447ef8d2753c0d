// Judges the pages of credentials in a real browser: the inventory, an API key from its form to its
// end, with a second operator who consents in his own browser.
//
//   node e2e/credentials.mjs [SCREENSHOT_DIR]
//
// WARD_BIN names the program, WARD_SUITE_DIR a directory to write to, CHROMIUM the browser. It knows
// the pages, the printed lines and demo.json, and none of Ward's code.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import {
  STEP_MS_MAX, check, chromium, failed, operator, passed, press, shot, start, until,
} from "./lib/browser.mjs";

// Among what is refused here are pages of credentials that are not there.
const REFUSED = /status of 40[1349]/;

/** One of the demo's operators, signed in; `next` is the page he wanted. */
async function signedIn(browser, faults, kept, key, next) {
  const who = await operator(browser, faults, REFUSED);
  const [passkey] = kept[key].passkey.credentials;
  const plain = (text) => Buffer.from(text, "base64url").toString("base64");
  await who.tell("addCredential", { credential: {
    credentialId: plain(passkey.id), isResidentCredential: true, rpId: passkey.rp_id,
    privateKey: plain(passkey.private_key), userHandle: plain(passkey.user_handle), signCount: 0,
  } });
  await who.page.goto(`${kept.origin}/console/sign-in?next=${encodeURIComponent(next)}`);
  const said = await press(who.page, "[data-passkey=get]", (url) => url.pathname === next);
  check(`operator ${key} signs in`, said === "", said);
  return who;
}

async function consents(two, url) {
  await two.page.goto(url);
  await two.page.click("button:text('Consent with a passkey')");
  const done = await until(STEP_MS_MAX, async () => {
    return (await two.page.getByTestId("consents").innerText().catch(() => "")).includes("1 of 1");
  });
  check("the second consents", done);
}

/** Opens the gate with an API key; the status. */
async function read(told, key) {
  const url = `${told.gate_url}/staff/customers/${told.customer.id}`;
  return (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status;
}

async function inventory(one, kept, shots) {
  const { page } = one;
  await page.goto(`${kept.origin}/console/credentials`);
  check("the navigation knows where it is",
    (await page.locator("nav [aria-current=page]").first().innerText()) === "Credentials");
  const rows = await page.getByTestId("credentials").locator("li").count();
  check("credentials are listed", rows >= 5, rows);
  await shot(page, shots, "credentials", "list");
  await page.selectOption("[name=kind]", "signing_key");
  await page.click("button:text('Show')");
  const kinds = await page.getByTestId("credentials").locator(".card-head .soft").allInnerTexts();
  check("a filter keeps one kind", kinds.length > 0 && kinds.every((it) => it.startsWith("Signing key")),
    kinds.join(" | "));
  await page.getByTestId("credentials").locator("a").first().click();
  check("a signing key says who could read it", (await page.getByTestId("holders").count()) === 1);
  await shot(page, shots, "credentials", "signing-key");
  await page.goto(`${kept.origin}/console/credentials?kind=client&warning=expiring`);
  check("nothing matches is said", (await page.innerText("main")).includes("No credential matches"));
  await shot(page, shots, "credentials", "empty");
  await page.goto(`${kept.origin}/console/credentials/api-key-1`);
  check("an unknown id is no page", (await page.innerText("main")).includes("no such page"));
}

async function issue(one, two, told, kept, shots) {
  const { page } = one;
  await page.goto(`${kept.origin}/console/credentials/new`);
  await page.fill("[name=owner]", "nightly-export");
  await page.fill("[name=name]", "Nightly <b>export</b>");
  await page.fill("[name=scopes]", "staff-customer");
  await page.fill("[name=networks]", "127.0.0.0/8");
  await page.fill("[name=days]", "10");
  await shot(page, shots, "credentials", "new");
  await page.click("button:text('Propose')");
  await page.waitForLoadState();
  const waits = page.getByTestId("waits");
  check("issuing waits for another operator", (await waits.count()) === 1, page.url());
  await shot(page, shots, "credentials", "waits");
  const proposal = await page.locator("main a[href^='/console/approvals/']").getAttribute("href");
  await consents(two, `${kept.origin}${proposal}`);
  await page.click("button:text('Send it again')");
  await page.waitForLoadState();
  const key = await page.locator("[data-testid=api-key] code").innerText();
  check("the key is shown", /^ward_service_[0-9A-Za-z]{36}$/.test(key), key);
  await shot(page, shots, "credentials", "shown");
  check("it opens the gate", (await read(told, key)) === 200);
  await page.click("text=Its page");
  await page.waitForLoadState();
  const text = await page.innerText("main");
  check("its page has its terms", text.includes("127.0.0.0/8") && text.includes("staff-customer"), text);
  check("a name is text", text.includes("Nightly <b>export</b>"));
  check("its page shows it no more", !text.includes(key));
  const used = await page.getByTestId("consumers").innerText();
  check("who used it", used.includes("staff-customer"), used);
  await shot(page, shots, "credentials", "api-key");
  return key;
}

async function endOf(one, two, told, kept, key, shots) {
  const { page } = one;
  const old = page.url();
  await page.fill("[name=overlap_hours]", "1");
  await page.click("button:text('Make a successor')");
  await page.waitForLoadState();
  const proposal = await page.locator("main a[href^='/console/approvals/']").getAttribute("href");
  await consents(two, `${kept.origin}${proposal}`);
  await page.click("button:text('Send it again')");
  await page.waitForLoadState();
  const next = await page.locator("[data-testid=api-key] code").innerText();
  check("a successor is shown", next !== key && next.startsWith("ward_service_"), next);
  check("both open", (await read(told, key)) === 200 && (await read(told, next)) === 200);
  await shot(page, shots, "credentials", "successor");
  await page.goto(old);
  check("the old one is ending", (await page.innerText("main")).includes("ending"));
  await page.click("button:text('Revoke this API key now')");
  await page.waitForLoadState();
  check("revoked at once", (await page.innerText("main")).includes("revoked"));
  check("the old one opens nothing", (await read(told, key)) === 401);
  check("its successor does", (await read(told, next)) === 200);
  await shot(page, shots, "credentials", "revoked");
}

async function main() {
  const [shots] = process.argv.slice(2);
  if (!process.env.WARD_BIN) throw new Error("set WARD_BIN");
  if (shots) mkdirSync(shots, { recursive: true });
  const dir = join(process.env.WARD_SUITE_DIR ?? ".", "credentials-demo");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const faults = [];
  try {
    const words = ["demo", "--dir", dir, "--port-base", "0", "--customers", "20000", "--json"];
    const { stop } = await start(words, /\{.*"demo_json".*\}/);
    const told = JSON.parse(readFileSync(join(dir, "demo.json"), "utf8"));
    const kept = JSON.parse(readFileSync(join(dir, "operators.json"), "utf8"));
    const one = await signedIn(browser, faults, kept, "one", "/console/credentials");
    const two = await signedIn(browser, faults, kept, "two", "/console/approvals");
    await inventory(one, kept, shots);
    const key = await issue(one, two, told, kept, shots);
    await endOf(one, two, told, kept, key, shots);
    await Promise.all([one.context.close(), two.context.close()]);
    await stop();
    check("nothing broke in the browser", faults.length === 0, faults.join(" | "));
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
