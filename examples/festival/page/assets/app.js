import { $, el, clock, nameOfDay, moment, keyOf, schedule, rights } from "./draw.js";

// The secret comes in the fragment, which no server sees, and does not stay in the address bar. It is kept for this tab.
const store = "festival-secret";
function secret() {
  if (location.hash.length > 20) {
    sessionStorage.setItem(store, location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(store) ?? "";
}
let token = secret();
addEventListener("hashchange", () => { if (location.hash.length > 20) { token = secret(); refresh(); } });

const view = { day: null, stage: "", order: matchMedia("(min-width: 46rem)").matches ? "stage" : "time" };
const open = new Set();
const answers = new Map();
const seen = new Map();
let sheet = null;
let connected = true;

async function call(path, body) {
  const headers = { Authorization: "Bearer " + token };
  const init = { headers, cache: "no-store", referrerPolicy: "no-referrer", credentials: "omit" };
  if (body !== undefined) {
    init.method = "POST";
    init.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let r;
  try { r = await fetch(path, init); } catch { throw new Error("the program behind this page does not run"); }
  const out = await r.json();
  if (!r.ok) throw Object.assign(new Error(out.why ?? "that did not work"), { code: out.code, status: r.status });
  return out;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

const say = (text) => { $("said").textContent = text; };

// What can be done with an event.
const acts = {
  edit: (l) => eventDialog(l),
  withdraw: (l) => reasonDialog({ title: `Withdraw “${l.details.title}”?`, text: "It ends for good, for everybody.", act: () => call("/api/withdraw", { id: l.id }) }),
  unlist: (l) => reasonDialog({ title: `Take “${l.details.title}” off the list?`, text: "Visitors will not see it. It stays its organiser’s, and you can put it back.", reason: true, act: (reason) => call("/api/unlist", { number: l.number, reason }) }),
  list: (l) => attempt(() => call("/api/list", { number: l.number })),
  ask: async (l) => {
    const key = keyOf(l);
    answers.set(key, "Asking …");
    draw();
    try {
      const a = await call("/api/ask", { number: l.number });
      answers.set(key, a.version === l.version ? `Asked at ${moment(new Date())}: this is what its organiser says now.`
        : `Asked at ${moment(new Date())}: there is version ${a.version}: “${a.details.title}”, ${clock(a.details.start)}, ${a.details.stage}.`);
    } catch (err) {
      answers.set(key, err.message);
    }
    draw();
  },
};

async function attempt(fn) {
  try { await fn(); notice(""); } catch (err) { notice(err.message); }
}

// Dialogs: what went wrong is said inside, and what was typed stays.
function run(dialog, submit) {
  const form = dialog.querySelector("form");
  const problem = form.querySelector(".problem");
  problem.hidden = true;
  form.onsubmit = async (e) => {
    e.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      await submit(new FormData(form));
      dialog.close();
    } catch (err) {
      problem.textContent = err.message;
      problem.hidden = false;
      problem.scrollIntoView({ block: "nearest" });
    } finally {
      button.disabled = false;
    }
  };
  form.querySelector(".cancel").onclick = () => dialog.close();
  dialog.showModal();
}

const options = (select, values, label) => select.replaceChildren(...values.map((v) => el("option", { value: v }, label ? label(v) : v)));

function eventDialog(l) {
  const d = l?.details;
  const info = sheet.info;
  $("event-dialog-title").textContent = l ? "Change the event" : "Add an event";
  options($("f-day"), d && !info.days.includes(d.day) ? [...info.days, d.day] : info.days, (v) => nameOfDay(v));
  options($("f-stage"), d && !info.stages.includes(d.stage) ? [...info.stages, d.stage] : info.stages);
  $("f-title").value = d?.title ?? "";
  $("f-day").value = d?.day ?? view.day ?? info.days[0];
  $("f-stage").value = d?.stage ?? (view.stage || info.stages[0]);
  $("f-start").value = clock(d?.start ?? 1200);
  $("f-length").value = d?.length ?? 60;
  $("f-about").value = d?.about ?? "";
  run($("event-dialog"), async (form) => {
    const [h, m] = String(form.get("start")).split(":").map(Number);
    if (!Number.isInteger(h) || !Number.isInteger(m)) throw new Error("When does it start?");
    const details = {
      title: form.get("title").trim(), about: form.get("about").trim().replaceAll("\r", ""), stage: form.get("stage"), day: form.get("day"),
      start: (h < 6 ? h + 24 : h) * 60 + m, length: Number(form.get("length")) | 0,
    };
    await (l ? call("/api/edit", { id: l.id, base: l.version, details }) : call("/api/add", { details }));
    view.day = details.day;
  });
  $("f-title").focus();
}

function reasonDialog({ title, text, reason, act }) {
  $("reason-dialog-title").textContent = title;
  $("reason-text").textContent = text;
  $("reason-field").hidden = !reason;
  $("r-reason").value = "";
  run($("reason-dialog"), (form) => act(form.get("reason").trim()));
}

function festivalDialog() {
  const info = sheet.info;
  $("g-name").value = info.name;
  $("g-about").value = info.about;
  $("g-days").value = info.days.join("\n");
  $("g-stages").value = info.stages.join("\n");
  const lines = (text) => text.split("\n").map((s) => s.trim()).filter(Boolean);
  run($("festival-dialog"), (form) => call("/api/describe", {
    info: { name: form.get("name").trim(), about: form.get("about").trim().replaceAll("\r", ""), days: lines(form.get("days")), stages: lines(form.get("stages")) },
  }));
}

// What is being pressed stays under the finger: it is drawn when it is let go, or after a while.
let pressed = 0, postponed = false;
function release() {
  clearTimeout(pressed);
  pressed = 0;
  if (postponed) draw();
}
addEventListener("pointerdown", () => { clearTimeout(pressed); pressed = setTimeout(release, 2000); }, true);
for (const type of ["pointerup", "pointercancel"]) addEventListener(type, () => setTimeout(release), true);

// Drawing: everything anew, with the focus and what was open where it was.
function draw() {
  if (!sheet) return;
  if (postponed = pressed !== 0) return;
  const at = document.activeElement;
  const focused = at?.dataset?.key && [at.dataset.act, at.dataset.key];
  const summary = at?.tagName === "SUMMARY" && at.closest("article")?.dataset.key;
  const { info } = sheet;
  document.title = info.name || "Festival";
  $("name").textContent = info.name || "Festival";
  $("about").textContent = info.about;
  $("about").hidden = !info.about;
  const days = [...new Set([...info.days, ...sheet.lines.map((l) => l.details.day)])].sort();
  if (view.day === null || (view.day && !days.includes(view.day))) {
    const today = new Date().toLocaleDateString("sv-SE");
    view.day = days.includes(today) ? today : days.find((day) => sheet.lines.some((l) => l.details.day === day)) ?? days[0] ?? "";
  }
  const press = (value, text) => el("button", { type: "button", data: { act: "day", key: value || "all" }, "aria-pressed": String(view.day === value), on: { click: () => { view.day = value; draw(); } } }, text);
  $("days").replaceChildren(...days.map((day) => press(day, nameOfDay(day, true))), press("", "All days"));
  const stages = [...new Set([...info.stages, ...sheet.lines.map((l) => l.details.stage)])];
  if (!stages.includes(view.stage)) view.stage = "";
  $("stage").replaceChildren(el("option", { value: "" }, "All stages"), ...stages.map((s) => el("option", { value: s }, s)));
  $("stage").value = view.stage;
  for (const b of $("order").children) b.setAttribute("aria-pressed", String(b.dataset.order === view.order));
  $("add").hidden = !sheet.mayAdd || info.days.length === 0;
  $("describe").hidden = !sheet.mayAdmin;
  $("schedule").replaceChildren(...schedule(sheet, view, acts, open, answers));
  status();
  $("me").textContent = sheet.me.name ? `You are ${sheet.me.name} here; your key begins with ${sheet.me.key}.` : "";
  $("rights").replaceChildren(...rights(sheet));
  $("held").replaceChildren(...sheet.held.map((h) => el("li", {}, `${h.role}: ${h.from}`)));
  outbox();
  const again = focused ? [...document.querySelectorAll("[data-act]")].find((e) => e.dataset.act === focused[0] && e.dataset.key === focused[1])
    : summary ? [...document.querySelectorAll("article")].find((e) => e.dataset.key === summary)?.querySelector("summary") : null;
  again?.focus({ preventScroll: true });
}

function status() {
  const late = !connected || sheet.trouble || (sheet.asking && Date.now() - Date.parse(sheet.asking) > 3000);
  const synced = sheet.synced ? `as of ${moment(sheet.synced)}` : "empty so far";
  let text = `Up to date, ${synced}`;
  if (!connected) text = "The program behind this page does not run";
  else if (sheet.trouble) text = `The festival says: ${sheet.trouble}; this is what was kept, ${synced}`;
  else if (late) text = `The festival cannot be reached; this is what was kept, ${synced}`;
  $("sync").className = late ? "sync late" : "sync";
  if ($("sync").textContent !== text) $("sync").textContent = text;
}
setInterval(() => sheet && status(), 1500);

function outbox() {
  const late = sheet.lines.filter((l) => l.mine && (l.waiting || l.trouble));
  $("outbox").hidden = late.length === 0;
  $("outbox-text").textContent = sheet.waiting ? "These are kept here, and delivered when the festival, or its mailbox, can be reached. You can close this page and stop the program meanwhile." : "";
  $("outbox-list").replaceChildren(...late.map((l) => el("li", {},
    l.trouble ? `“${l.details.title}” was refused: ${l.trouble}. Change it, and it is sent again.`
      : `“${l.details.title}”, ${l.withdrawn ? "withdrawn" : "version " + l.version}: since ${moment(l.waiting)}`)));
}

// What is new since the last time is shown for a moment, and said to those who listen.
function fresh(next) {
  const news = [];
  for (const l of next.lines) {
    const key = keyOf(l), now = l.version + l.state;
    if (sheet && seen.get(key) !== now) news.push(l);
    seen.set(key, now);
  }
  return news;
}

let asking = null, again = false;
function refresh() {
  if (asking) { again = true; return asking; }
  asking = (async () => {
    do {
      again = false;
      try {
        const next = await call("/api/state");
        const news = fresh(next);
        sheet = next;
        connected = true;
        notice("");
        draw();
        for (const l of news) document.querySelectorAll("article").forEach((a) => a.dataset.key === keyOf(l) && a.classList.add("fresh"));
        if (news.length) say(news.length === 1 ? `New: ${news[0].details.title}` : `${news.length} events are new`);
      } catch (err) {
        connected = err.status !== undefined;
        notice(err.status === 401 ? "Open this page by the line that its program has printed: the one it was opened with is not good any more." : err.message);
        if (sheet) status();
      }
    } while (again);
    asking = null;
  })();
  return asking;
}

// live follows the server's events for as long as the page is open. The secret goes in a header, which an EventSource cannot.
async function live() {
  for (let pause = 500; ; pause = Math.min(pause * 2, 10000)) {
    const began = Date.now();
    try {
      const r = await fetch("/api/live", { headers: { Authorization: "Bearer " + token }, cache: "no-store", credentials: "omit" });
      if (r.ok) {
        const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          rest += value;
          if (rest.includes("event: changed")) refresh();
          rest = rest.slice(rest.lastIndexOf("\n") + 1);
        }
      } else if (r.status === 401) {
        await refresh();
      }
    } catch { /* the program has ended, or is being started again */ }
    if (Date.now() - began > 20000) pause = 500; // else it was hardly worth it: the server has too many pages, say
    connected = false;
    if (sheet) status();
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

$("stage").addEventListener("change", (e) => { view.stage = e.target.value; draw(); });
$("order").addEventListener("click", (e) => { if (e.target.dataset.order) { view.order = e.target.dataset.order; draw(); } });
$("add").addEventListener("click", () => eventDialog(null));
$("describe").addEventListener("click", festivalDialog);
refresh();
live();
