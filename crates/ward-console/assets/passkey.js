// Passkeys: asks the server for options, the browser for an answer, and posts it.
//
//   <form data-passkey="create" data-begin="/…/begin" data-finish="/…/finish" data-next="/…">
//     … fields that `begin` wants … <button>Register a passkey</button>
//     <p data-said role="alert" hidden></p>
//   </form>
//
// `data-passkey` is `create` or `get`. A submitted form, or a clicked button with these attributes,
// posts the form's fields as JSON to `begin`, which answers `{"ceremony", "options"}`; posts
// `{"ceremony", "response"}`, the credential's JSON, to `finish`; then opens `next`. What goes wrong
// is said in [data-said]. WebAuthn Level 3 §5.1.

const KINDS = { create: register, get: assert };

/** What a browser's refusal means to the person before it. */
const WORDS = {
  AbortError: "The request for the passkey was stopped. Try again.",
  ConstraintError: "This device cannot verify who you are. Set up its PIN or fingerprint, or use another.",
  InvalidStateError: "This device is registered already. Use another one, or sign in with it.",
  NotAllowedError: "No passkey was used: the question was closed, ran out of time, or no passkey here fits. Try again.",
  NotSupportedError: "This device cannot make a passkey of a kind that is accepted here. Use another.",
  SecurityError: "Passkeys do not work at this address. Open this page under its proper name, for example localhost instead of 127.0.0.1.",
};
const WITHOUT = "This browser offers no passkeys here. They need https, or localhost, and a current browser.";
const AWAY = "The server did not answer. Try again.";

function toBytes(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
  return btoa(letters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function withBytes(descriptors = []) {
  return descriptors.map((it) => ({ ...it, id: toBytes(it.id) }));
}

/** Creates a passkey from creation options; gives its JSON. */
async function register(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON?.(options) ?? {
    ...options,
    challenge: toBytes(options.challenge),
    user: { ...options.user, id: toBytes(options.user.id) },
    excludeCredentials: withBytes(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  return plain(made, ["clientDataJSON", "attestationObject"]);
}

/** Has a passkey answer request options; gives its JSON. */
async function assert(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON?.(options) ?? {
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: withBytes(options.allowCredentials),
  };
  const used = await navigator.credentials.get({ publicKey });
  return plain(used, ["clientDataJSON", "authenticatorData", "signature", "userHandle"]);
}

/** A credential as JSON, by the browser's own toJSON where it has one. */
function plain(credential, parts) {
  if (!credential) throw new DOMException("no credential", "NotAllowedError");
  if (credential.toJSON) return credential.toJSON();
  const told = parts.filter((part) => credential.response[part]);
  const response = told.map((part) => [part, toText(credential.response[part])]);
  const { id, type } = credential;
  return { id, rawId: id, type, response: Object.fromEntries(response), clientExtensionResults: {} };
}

/** Posts; gives the answer, or throws in the server's own words (RFC 9457). */
async function post(path, value) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(value), headers }).catch(() => { throw new Error(AWAY); });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? `The server refused it (${answer.status}).`);
}

async function run(element, form) {
  if (!globalThis.PublicKeyCredential) throw new Error(WITHOUT);
  const { passkey, begin, finish, next } = element.dataset;
  const fields = Object.fromEntries(form ? new FormData(form) : []);
  const { ceremony, options } = await (await post(begin, fields)).json();
  const response = await KINDS[passkey](options);
  await post(finish, { ceremony, response });
  location.assign(next);
}

function watch(element) {
  const form = element instanceof HTMLFormElement ? element : element.form;
  const place = element.querySelector("[data-said]") ?? form?.querySelector("[data-said]")
    ?? element.parentElement.querySelector("[data-said]");
  const say = (words) => {
    if (!place) return;
    place.textContent = words;
    place.hidden = words === "";
  };
  let busy = false;
  element.addEventListener(element === form ? "submit" : "click", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    say("");
    try {
      await run(element, form);
    } catch (fault) {
      say(fault instanceof DOMException ? WORDS[fault.name] ?? fault.message : fault.message);
    } finally {
      busy = false;
    }
  });
}

for (const element of document.querySelectorAll("[data-passkey]")) watch(element);
