// The console's script: local times, copy buttons, and the live part of *Now*.
// It never builds markup from text: what it puts in place was made and escaped by the server.

const clock = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const clockToday = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

const clockFull = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
});

/** Rewrites times in the browser's zone; UTC stays in the title. */
function localise(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const near = at.toDateString() === today;
    const form = "full" in time.dataset ? clockFull : near ? clockToday : clock;
    time.textContent = form.format(at);
  }
}

/** Says which zone the times are in. */
function nameZone() {
  const here = document.getElementById("zone");
  if (!here) return;
  const { timeZone } = clock.resolvedOptions();
  const name = clockFull.formatToParts().find((part) => part.type === "timeZoneName")?.value;
  here.textContent = !name || name === timeZone ? timeZone : `${timeZone} (${name})`;
}

/** Copy buttons appear only where copying works. */
function copyable(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

/** Keys of the lines in a list. */
function keys(root) {
  return new Set([...root.querySelectorAll("[data-key]")].map((line) => line.dataset.key));
}

/** Puts changed regions in place; keeps focus and opened details; marks new lines. */
function place(html, seen) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  let news = null;
  for (const region of fresh.querySelectorAll("[data-live]")) {
    const here = document.getElementById(region.id);
    const source = region.outerHTML;
    if (!here || seen.get(region.id) === source) continue;
    const first = !seen.has(region.id);
    seen.set(region.id, source);
    const known = keys(here);
    const focused = here.contains(document.activeElement)
      ? document.activeElement.getAttribute("href") : null;
    const open = new Set([...here.querySelectorAll("details[open]")].map((it) => it.dataset.keep));
    const next = document.importNode(region, true);
    localise(next);
    for (const line of next.querySelectorAll("[data-key]")) {
      if (known.has(line.dataset.key) || first) continue;
      line.classList.add("fresh");
      if (region.id === "live-refusals") news ??= line.querySelector("b").textContent;
    }
    for (const it of next.querySelectorAll("details")) it.open = open.has(it.dataset.keep);
    here.className = next.className;
    here.replaceChildren(...next.childNodes);
    if (focused) here.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  }
  return news;
}

/** Shows how the stream stands, in a word and a colour. */
function stream(state, word) {
  const sign = document.getElementById("stream");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  sign.querySelector(".stream-word").textContent = word;
}

function follow(live) {
  const seen = new Map();
  const say = document.getElementById("say");
  const events = new EventSource(live.dataset.events);
  events.addEventListener("open", () => stream("live", "live"));
  events.addEventListener("now", (event) => {
    stream("live", "live");
    const news = place(event.data, seen);
    if (news) say.textContent = `Refused: ${news}`;
  });
  events.addEventListener("trouble", (event) => stream("trouble", event.data));
  events.addEventListener("end", () => {
    events.close();
    location.assign("/console/sign-in");
  });
  events.addEventListener("error", () => stream("trouble", "reconnecting"));
}

localise(document);
nameZone();
copyable(document);
const live = document.getElementById("live");
if (live) follow(live);
