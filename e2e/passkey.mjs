// Judges the relying party in a real browser with its virtual authenticator: registration, sign-in
// and consent by the console's own script, then what a thief or a stranger's page would try.
//
//   node e2e/passkey.mjs
//
// It drives the example `passkey_page` of ward-signin: the program PASSKEY_PAGE names, or what cargo
// builds. CHROMIUM names the browser (/usr/bin/chromium). It knows the page and none of Ward's code.

import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// WHY require: it looks for packages along NODE_PATH, an import does not.
const { chromium } = createRequire(import.meta.url)("playwright-core");

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STEP_MS_MAX = 15_000;

let passed = 0;
let failed = 0;

function check(what, holds, seen = "") {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? "ok  " : "FAIL"} ${what}${holds || seen === "" ? "" : `: ${seen}`}`);
}

/** The page's program, built as the whole workspace is built, so that little is built twice. */
function build() {
  if (process.env.PASSKEY_PAGE) return process.env.PASSKEY_PAGE;
  const words = "build --release --locked --workspace --example passkey_page --message-format json";
  const done = spawnSync("cargo", words.split(" "), {
    cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"],
  });
  if (done.status !== 0) throw new Error(`cargo ended with ${done.status}`);
  const made = done.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return made.find((it) => it.executable && it.target.name === "passkey_page").executable;
}

/** Starts the page; it ends with its input. */
async function start() {
  const child = spawn(build(), { stdio: ["pipe", "pipe", "inherit"] });
  const said = await new Promise((tell, fail) => {
    child.stdout.once("data", (bytes) => tell(String(bytes)));
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`the page ended with ${code}`)));
  });
  const [, origin, address] = said.match(/^(\S+) \(listens at (\S+)\)/);
  return { origin, address, stop: () => child.stdin.end() };
}

/** A page of a browser of its own with an authenticator of its own. */
async function visitor(browser, { old = false } = {}) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (said) => {
    if (said.type() === "error" && !/status of 40[19]/.test(said.text())) faults.push(said.text());
  });
  if (old) {
    await page.addInitScript(() => {
      delete PublicKeyCredential.parseCreationOptionsFromJSON;
      delete PublicKeyCredential.parseRequestOptionsFromJSON;
      delete PublicKeyCredential.prototype.toJSON;
    });
  }
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
    hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
  } });
  const tell = (verb, more = {}) => cdp.send(`WebAuthn.${verb}`, { authenticatorId, ...more });
  return { context, page, faults, tell };
}

/** Presses a form's button; gives the address it went to, or what it said. */
async function press(page, form, at) {
  await page.goto(at);
  await page.click(`#${form} button`);
  const said = page.locator(`#${form} [data-said]:not(:empty)`);
  const moved = page.waitForURL(/\?/, { timeout: STEP_MS_MAX }).then(() => new URL(page.url()).search);
  return Promise.race([moved, said.waitFor({ timeout: STEP_MS_MAX }).then(() => said.innerText())]);
}

async function post(address, path, body, type = "application/json") {
  const answer = await fetch(address + path, {
    method: "POST", body, headers: { "content-type": type },
  });
  const text = await answer.text();
  return { status: answer.status, detail: text ? JSON.parse(text).detail : undefined };
}

/** Has a page, or a frame, answer options that the caller may spoil; gives the credential's JSON. */
async function answered(frame, options) {
  return frame.evaluate(async (options) => {
    const made = options.rp
      ? await navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    return JSON.stringify(made);
  }, options).catch((fault) => String(fault));
}

async function options(address, path, fields = "") {
  const answer = await fetch(address + path, {
    method: "POST", body: fields, headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  return answer.json();
}

async function ceremonies(site, { page }, name) {
  const at = `${site.origin}/`;
  const made = await press(page, "register", at);
  check(`${name}: a passkey is registered`, made === "?registered", made);
  const again = await press(page, "register", at);
  check(`${name}: the same device is not registered twice`, again.includes("already"), again);
  for (const time of ["once", "twice"]) {
    const seen = await press(page, "sign-in", at);
    check(`${name}: it signs in ${time}`, seen === "?signed-in", seen);
  }
  const consented = await press(page, "consent", at);
  check(`${name}: it consents`, consented === "?consented", consented);
}

/** Every kind of key the virtual authenticator can make, offered alone. */
async function kinds(site, browser) {
  for (const alg of [-7, -8, -257]) {
    const { page, context } = await visitor(browser);
    await page.goto(site.origin);
    const asked = await options(site.address, "/register/begin", `name=Kind${-alg}`);
    check(`key ${alg} is offered`, asked.pubKeyCredParams.some((it) => it.alg === alg));
    asked.pubKeyCredParams = [{ type: "public-key", alg }];
    const made = await post(site.address, "/register/finish", await answered(page, asked));
    check(`key ${alg} registers`, made.status === 200, made.detail);
    const seen = await press(page, "sign-in", site.origin);
    check(`key ${alg} signs in`, seen === "?signed-in", seen);
    await context.close();
  }
  const { page, context } = await visitor(browser);
  await page.goto(site.origin);
  const asked = await options(site.address, "/register/begin", "name=Direct");
  asked.attestation = "direct";
  const made = await post(site.address, "/register/finish", await answered(page, asked));
  check("an attested passkey registers all the same", made.status === 200, made.detail);
  await context.close();
}

async function swappedAct(site, { page }) {
  await page.route("**/consent/finish", async (route) => {
    await post(site.address, "/act", "2", "text/plain");
    await route.continue();
  });
  const seen = await press(page, "consent", site.origin);
  check("a consent to an act that changed since is refused", seen === "wrong_challenge", seen);
  await page.unroute("**/consent/finish");
}

async function replays(site, { page }) {
  const kept = new Promise((tell) => {
    page.on("request", (it) => it.url().endsWith("/sign-in/finish") && tell(it.postData()));
  });
  await press(page, "sign-in", site.origin);
  const old = await kept;
  const none = await post(site.address, "/sign-in/finish", old);
  check("an answer sent twice finds nothing pending", none.status === 409, none.status);
  await options(site.address, "/sign-in/begin");
  const replayed = await post(site.address, "/sign-in/finish", old);
  check("an old answer to a new challenge is refused", replayed.detail === "wrong_challenge", replayed.detail);
  const asked = await options(site.address, "/sign-in/begin");
  await options(site.address, "/consent/begin", "act=1");
  const crossed = await post(site.address, "/consent/finish", await answered(page, asked));
  check("a sign-in is no consent", crossed.detail === "wrong_challenge", crossed.detail);
}

async function unverified(site, { page, tell }) {
  await tell("setUserVerified", { isUserVerified: false });
  const seen = await press(page, "sign-in", site.origin);
  check("without verification the page says so in words", seen.startsWith("No passkey was used"), seen);
  const asked = await options(site.address, "/sign-in/begin");
  asked.userVerification = "discouraged";
  const spoilt = await post(site.address, "/sign-in/finish", await answered(page, asked));
  check("an answer without verification is refused", spoilt.detail === "user_unverified", spoilt.detail);
  await tell("setUserVerified", { isUserVerified: true });
}

async function strangers(site, { page, context }) {
  const blank = (body = "") => (route) => route.fulfill({ contentType: "text/html", body });
  const port = Number(new URL(site.origin).port);
  const other = `http://localhost:${port === 65535 ? port - 1 : port + 1}`;
  await context.route(`${other}/`, blank());
  await page.goto(`${other}/`);
  const asked = await options(site.address, "/sign-in/begin");
  const phished = await post(site.address, "/sign-in/finish", await answered(page, asked));
  check("an answer made on another origin is refused", phished.detail === "wrong_origin", phished.detail);

  const frame = `<iframe src="${site.origin}/frame" allow="publickey-credentials-get *"></iframe>`;
  await context.route(`${other}/around`, blank(frame));
  await context.route(`${site.origin}/frame`, blank());
  await page.goto(`${other}/around`);
  const inner = page.frames().find((it) => it.url().endsWith("/frame"));
  const again = await options(site.address, "/sign-in/begin");
  const framed = await post(site.address, "/sign-in/finish", await answered(inner, again));
  check("an answer made in a stranger's frame is refused", framed.detail === "cross_origin", framed.detail);

  await page.goto(`${other}/around`);
  await page.evaluate((at) => { document.querySelector("iframe").src = at; }, `${site.origin}/`);
  const shown = await page.frameLocator("iframe").locator("#sign-in").waitFor({ timeout: 2_000 })
    .then(() => true, () => false);
  check("the page itself opens in no frame", !shown);

  const seen = await press(page, "sign-in", site.address);
  check("at an IP address the page says what to do", seen.includes("localhost"), seen);
}

async function clone(site, { page, tell }) {
  const { credentials: [mine] } = await tell("getCredentials");
  await press(page, "sign-in", site.origin);
  await tell("removeCredential", { credentialId: mine.credentialId });
  await tell("addCredential", { credential: { ...mine, signCount: mine.signCount - 1 } });
  const seen = await press(page, "sign-in", site.origin);
  check("a copy of the authenticator is found out by its counter", seen === "cloned", seen);
}

/** The twin in Python that other suites sign in with. */
function twin(site) {
  const program = `
import json, sys, urllib.request
sys.path.insert(0, ${JSON.stringify(join(ROOT, "interop/lib"))})
from passkey import Passkey
def post(path, body, kind):
    ask = urllib.request.Request(${JSON.stringify(site.address)} + path, body.encode(), {"content-type": kind})
    return json.load(urllib.request.urlopen(ask))
mine, origin = Passkey(), ${JSON.stringify(site.origin)}
for path, answer in (("register", mine.create), ("sign-in", mine.get), ("sign-in", mine.get)):
    asked = post(f"/{path}/begin", "name=Twin", "application/x-www-form-urlencoded")
    told = post(f"/{path}/finish", json.dumps(answer(asked, origin)), "application/json")
print(told["sign_count"])
`;
  const done = spawnSync("python3", ["-c", program], { encoding: "utf8" });
  check("the twin in Python registers and signs in", done.stdout.trim() === "3", done.stderr);
}

async function main() {
  const site = await start();
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const faults = [];
    // The page has one name; a second visitor is a second device of that person.
    const one = await visitor(browser);
    await ceremonies(site, one, "today's browser");
    await swappedAct(site, one);
    await replays(site, one);
    await unverified(site, one);
    await clone(site, one);
    faults.push(...one.faults);
    const old = await visitor(browser, { old: true });
    await ceremonies(site, old, "a browser without JSON forms");
    faults.push(...old.faults);
    check("nothing broke in the browser", faults.length === 0, faults.join(" | "));
    const phished = await visitor(browser);
    const made = await press(phished.page, "register", site.origin);
    check("a third device is registered", made === "?registered", made);
    await strangers(site, phished);
    await kinds(site, browser);
    twin(site);
  } finally {
    await browser.close();
    site.stop();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

main().catch((fault) => {
  console.error(fault);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
