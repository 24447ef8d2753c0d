// Judges operators in a real browser, two of them, each with an authenticator of his own.
//
//   node e2e/operators.mjs [SCREENSHOT_DIR]
//
// First on a fresh Ward: the first operator enrols with the link that `ward serve` prints, enrols the
// second, and changes what the second may do, which waits for the second's consent. Then on a demo:
// an API key of the first asks for what weakens, the second consents in his browser, it takes effect.
// WARD_BIN names the program, WARD_SUITE_DIR a directory to write to, CHROMIUM the browser. It knows
// the pages, the printed lines and demo.json, and none of Ward's code.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import {
  STEP_MS_MAX, check, chromium, failed, operator, passed, press, shot, start, until,
} from "./lib/browser.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function enrol(who, link, shots, userName) {
  const { page } = who;
  await page.goto(link);
  if (userName) {
    await page.fill("[name=user_name]", userName);
    await page.fill("[name=display_name]", "Seoyeon Kim");
  }
  await shot(page, shots, "operators", userName ? "enrol-first" : "enrol-second");
  const said = await press(page, "button:text('Register a passkey')", (url) => url.pathname === "/");
  check(`${userName ?? "the second"} registers a passkey and is signed in`, said === "", said);
}

/** A fresh Ward: from the printed link to two operators and a change that took both. */
async function fresh(browser, faults, dir, shots) {
  rmSync(dir, { recursive: true, force: true });
  const made = spawnSync(process.env.WARD_BIN, ["init", "--dir", dir], { encoding: "utf8" });
  check("ward init", made.status === 0, made.stderr);
  const file = join(dir, "ward.toml");
  const [control, gate] = [await freePort(), await freePort()];
  const text = readFileSync(file, "utf8").replace("127.0.0.1:7780", `127.0.0.1:${control}`)
    .replace("127.0.0.1:7781", `127.0.0.1:${gate}`);
  writeFileSync(file, text);
  const { found: link, stop } =
    await start(["serve", "--config", file], /http:\/\/localhost:\d+\/console\/enrol\?key=[0-9a-f]{64}/);
  const { origin } = new URL(link);
  const bare = await fetch(`${origin}/console/operators`);
  check("without a session there is no page", bare.status === 401, bare.status);

  const one = await operator(browser, faults);
  await enrol(one, link, shots, "one@example.com");
  const used = await fetch(link);
  check("the link works once", used.status === 403, used.status);
  await one.page.goto(`${origin}/console/operators`);
  check("he is told that he is alone", (await one.page.innerText("main")).includes("There is one operator"));
  await shot(one.page, shots, "operators", "alone");
  await one.page.fill("[data-testid=enrol-other] [name=person]", "two@example.com");
  for (const role of ["keys", "policy", "operators"]) {
    await one.page.check(`[data-testid=enrol-other] [value=${role}]`);
  }
  await one.page.click("[data-testid=enrol-other] button");
  const second = await one.page.locator("[data-testid=link] code").innerText();
  check("a link for the second is shown", second.startsWith(`${origin}/console/enrol?key=`), second);
  await shot(one.page, shots, "operators", "link");

  const two = await operator(browser, faults);
  await enrol(two, second, shots);
  await one.page.goto(`${origin}/console/operators`);
  await shot(one.page, shots, "operators", "two");
  const card = () => one.page.getByTestId("operators").locator("li.card").filter({ hasText: "two@example.com" });
  const change = async () => {
    await one.page.goto(`${origin}/console/operators`);
    await card().locator("summary").click();
    await card().locator("[value=policy]").uncheck();
    await card().locator("button:text('Change')").click();
    await one.page.waitForLoadState();
  };
  await change();
  check("changing his roles waits", one.page.url().includes("/console/approvals/"), one.page.url());
  const proposal = one.page.url();
  const own = await one.page.getByTestId("why-not").innerText();
  check("its proposer cannot consent", own.includes("You proposed this"), own);
  await shot(one.page, shots, "operators", "proposed");
  await one.page.goto(`${origin}/console/operators`);
  const before = await card().locator(".chip").allInnerTexts();
  check("nothing has changed", before.includes("policy"), before.join(" "));

  await two.page.goto(origin);
  const waiting = await two.page.getByTestId("waiting").innerText();
  check("Now counts what waits", waiting === "1", waiting);
  await two.page.click("nav >> text=Approvals");
  await shot(two.page, shots, "operators", "approvals");
  await two.page.goto(proposal);
  await shot(two.page, shots, "operators", "to-consent");
  const digest = await two.page.getByTestId("digest").innerText();
  check("he sees the exact digest", /^[0-9a-f]{64}$/.test(digest), digest);
  await two.page.click("button:text('Consent with a passkey')");
  const consented = await until(STEP_MS_MAX, async () => {
    const said = await two.page.getByTestId("consents").innerText().catch(() => "");
    return said.includes("1 of 1");
  });
  check("he consents with his passkey", consented);
  await shot(two.page, shots, "operators", "consented");
  await change();
  check("asked again, it is done", one.page.url().endsWith("/console/operators"), one.page.url());
  const after = await card().locator(".chip").allInnerTexts();
  check("and it has taken effect", !after.includes("policy"), after.join(" "));

  await one.page.click("text=Sign out");
  await one.page.goto(`${origin}/console/operators`);
  const door = await one.page.locator("[data-passkey=get]").count();
  check("signing out closes the pages", door === 1, door);
  await shot(one.page, shots, "operators", "sign-in");
  const back = await press(one.page, "[data-passkey=get]", (url) => url.pathname === "/console/operators");
  check("a passkey signs in again, and goes where he wanted", back === "", back);
  await Promise.all([one.context.close(), two.context.close()]);
  await stop();
}

/** A demo: the first's API key proposes, the second consents in his browser. */
async function demo(browser, faults, dir, shots) {
  const { stop } = await start(["demo", "--dir", dir, "--port-base", "0", "--json"], /\{.*"demo_json".*\}/);
  const told = JSON.parse(readFileSync(join(dir, "demo.json"), "utf8"));
  const kept = JSON.parse(readFileSync(join(dir, "operators.json"), "utf8"));
  const { origin } = kept;
  const two = await operator(browser, faults);
  const [passkey] = kept.two.passkey.credentials;
  const plain = (text) => Buffer.from(text, "base64url").toString("base64");
  await two.tell("addCredential", { credential: {
    credentialId: plain(passkey.id), isResidentCredential: true, rpId: passkey.rp_id,
    privateKey: plain(passkey.private_key), userHandle: plain(passkey.user_handle), signCount: 0,
  } });
  await two.page.goto(`${origin}/console/sign-in?next=%2Fconsole%2Fapprovals`);
  const said = await press(two.page, "[data-passkey=get]", (url) => url.pathname === "/console/approvals");
  check("the demo's second operator signs in", said === "", said);

  const headers = { authorization: `Bearer ${told.admin_token}`, "content-type": "application/json" };
  const body = JSON.stringify({ issuer: told.imported_key.issuer, mode: "learning" });
  const ask = () => fetch(`${told.api_url}/api/issuers/mode`, { method: "POST", headers, body });
  const held = await ask();
  const { approval, state } = await held.json();
  check("what weakens waits", held.status === 202 && state === "waiting", `${held.status} ${state}`);
  await two.page.goto(`${origin}/console/approvals/${approval}`);
  const effect = await two.page.getByTestId("effect").innerText();
  check("he reads what becomes weaker", effect.includes("What becomes weaker"), effect);
  await shot(two.page, shots, "operators", "issuer-learning");
  await two.page.click("button:text('Consent with a passkey')");
  await until(STEP_MS_MAX, async () => {
    return (await two.page.getByTestId("consents").innerText().catch(() => "")).includes("1 of 1");
  });
  const done = await ask();
  check("asked again, it is done", done.status === 200, done.status);
  await two.page.reload();
  check("the proposal was carried out", (await two.page.innerText("main")).includes("carried out"));
  await two.page.goto(origin);
  const trust = await two.page.getByTestId("trust").innerText();
  check("and Now shows the issuer learning", trust.includes("learning"), trust);
  await shot(two.page, shots, "operators", "now");
  await two.context.close();
  await stop();
}

async function main() {
  const [shots] = process.argv.slice(2);
  if (!process.env.WARD_BIN) throw new Error("set WARD_BIN");
  if (shots) mkdirSync(shots, { recursive: true });
  const dir = process.env.WARD_SUITE_DIR ?? ".";
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const faults = [];
  try {
    await fresh(browser, faults, join(dir, "operators"), shots);
    await demo(browser, faults, join(dir, "operators-demo"), shots);
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
