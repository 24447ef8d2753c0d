// Reports each token to Ward before it leaves a login service. Node 18 or newer, nothing to install.
//
// Use: const ward = new Ward("http://127.0.0.1:7780", "login", key); return ward.release(token, user)

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

export class Ward {
  constructor(url, issuer, key) {
    this.url = `${url}/api/issuances/${issuer}`;
    this.headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    this.turn = Promise.resolve();
    this.state = null;
  }

  /** The token, once Ward has recorded it; a rejection means: it must not leave. */
  release(token, user, { kind = "customer", client = "", login = "" } = {}) {
    const { iat, exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    const digest = createHash("sha256").update(token).digest("base64url");
    const principal = { kind, id: user };
    const work = async () => {
      // At start, and after a failure: ask where the sequence stands.
      const { next_sequence: sequence, missing } = this.state ?? (await this.ask("GET"));
      this.state = null;
      const reports = missing.map((place) => ({ sequence: place, void: true }));
      reports.push({ sequence, digest, principal, client, iat, exp, login });
      await this.ask("POST", JSON.stringify({ reports }));
      this.state = { next_sequence: sequence + 1, missing: [] };
      return token;
    };
    const done = this.turn.then(work); // one at a time: the sequence has no gap
    this.turn = done.catch(() => {});
    return done;
  }

  async ask(method, body, tries = 3) {
    const { url, headers } = this;
    const signal = AbortSignal.timeout(5000);
    const answer = await fetch(url, { method, body, headers, signal }).catch((error) => error);
    if (answer.ok) return answer.json();
    // A repeat of the same report is no second one.
    const again = answer.status === undefined || answer.status === 503;
    if (!again || tries === 1) throw new Error(`Ward: ${answer.status ?? answer}`);
    await new Promise((later) => setTimeout(later, 200));
    return this.ask(method, body, tries - 1);
  }
}

// node ward_reporter.mjs URL ISSUER KEY USER: tokens on standard input, one a line.
if (import.meta.url === `file://${process.argv[1]}`) {
  const ward = new Ward(...process.argv.slice(2, 5));
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(await ward.release(line.trim(), process.argv[5]));
  }
}
