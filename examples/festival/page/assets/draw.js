// What is shown, made of what the server says. All of it was said by others: it becomes text, never markup.

export const $ = (id) => document.getElementById(id);

// el makes an element; children are elements or texts.
export function el(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props ?? {})) {
    if (v === undefined || v === false || v === null) continue;
    if (k === "class") e.className = v;
    else if (k === "on") for (const [type, fn] of Object.entries(v)) e.addEventListener(type, fn);
    else if (k === "data") Object.assign(e.dataset, v);
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

const two = (n) => String(n).padStart(2, "0");
export const clock = (minutes) => `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;

const dayLong = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
const dayShort = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const asDate = (day) => new Date(day + "T00:00:00Z");
export const nameOfDay = (day, short) => (short ? dayShort : dayLong).format(asDate(day));

// moment says when something was, as short as is clear today.
export function moment(text) {
  const t = new Date(text);
  if (Number.isNaN(t.valueOf())) return "an unknown time";
  const today = t.toDateString() === new Date().toDateString();
  return t.toLocaleString("en-GB", today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

const who = (p) => `${p.name} (${p.key})`;
export const keyOf = (l) => l.id + "/" + l.by.key;

// whyNot says who may change an event, and why nobody else can.
function whoMay(l, sheet) {
  if (l.mine) return "You can change this: the event is at home here, with you.";
  const rest = sheet.mayAdmin ? "You can take it off the list, but not change it." : "An admin can take it off the list, but not change it.";
  return `Only ${who(l.by)} can change this: that is where the event is at home. ${rest}`;
}

function tagsOf(l, sheet) {
  const tags = [];
  const tag = (kind, text) => tags.push(el("span", { class: "tag " + kind }, text));
  if (l.withdrawn) tag("warn", "withdrawn, and the festival has not heard yet");
  else if (l.waiting) tag("warn", `waiting for the festival since ${moment(l.waiting)}`);
  if (l.trouble) tag("bad", `the festival says: ${l.trouble}`);
  if (l.state === "unlisted") tag("warn", l.reason ? `off the list: ${l.reason}` : "off the list");
  if (l.clash) tag("warn", `same stage, same time: ${l.clash}`);
  if (l.mine) tag("", "yours");
  return tags;
}

// card returns an event. acts is what can be done: edit, withdraw, unlist, list, ask.
export function card(l, sheet, acts, open, answers, inStage) {
  const d = l.details;
  const key = keyOf(l);
  const button = (text, name) => el("button", { type: "button", data: { act: name, key }, on: { click: () => acts[name](l) } }, text);
  const label = (text) => `${text}: ${d.title}`;
  const actions = el("div", { class: "actions" });
  const give = (text, name) => { const b = button(text, name); b.setAttribute("aria-label", label(text)); actions.append(b); };
  if (l.mine && !l.withdrawn) { give("Change", "edit"); give("Withdraw", "withdraw"); }
  if (sheet.mayAdmin && l.number > 0 && !l.withdrawn) l.state === "unlisted" ? give("Put back on the list", "list") : give("Take off the list", "unlist");
  if (!l.mine && l.number > 0) give("Ask its organiser", "ask");
  const facts = el("div", { class: "facts" },
    el("p", {}, `Version ${l.version}, said ${l.editor ? "by " + l.editor + " " : ""}at ${moment(l.asOf)} and signed with the key ${l.by.key}`
      + (l.heard && !l.mine ? `; the festival heard it at ${moment(l.heard)}.` : ".")),
    el("p", {}, whoMay(l, sheet)),
    answers.has(key) && el("p", { role: "status" }, answers.get(key)));
  const more = el("details", { open: open.has(key), on: { toggle: (e) => (e.target.open ? open.add(key) : open.delete(key)) } },
    el("summary", { "aria-label": label("More about") }, "More"), d.about && el("p", { class: "text" }, d.about), facts, actions);
  return el("article", { class: "card" + (l.mine ? " own" : "") + (l.state === "unlisted" || l.withdrawn ? " off" : ""), data: { key, number: l.number } },
    el("p", { class: "when" }, clock(d.start), el("small", {}, "to " + clock(d.start + d.length))),
    el("div", {}, el("h4", {}, d.title), el("p", { class: "where" }, inStage ? l.by.name : `${d.stage} · ${l.by.name}`), el("div", { class: "tags" }, ...tagsOf(l, sheet))),
    more);
}

// schedule returns the lines of one day, or of all, by time or by stage.
export function schedule(sheet, view, acts, open, answers) {
  const out = [];
  const days = view.day ? [view.day] : [...new Set([...sheet.info.days, ...sheet.lines.map((l) => l.details.day)])].sort();
  const list = (lines) => el("div", { class: "lines" }, ...lines.map((l) => card(l, sheet, acts, open, answers, view.order === "stage")));
  for (const day of days) {
    const lines = sheet.lines.filter((l) => l.details.day === day && (!view.stage || l.details.stage === view.stage));
    out.push(el("h2", { class: "day" }, nameOfDay(day)));
    if (lines.length === 0) { out.push(el("p", { class: "nothing" }, "Nothing on this day yet.")); continue; }
    if (view.order === "time") { out.push(list(lines)); continue; }
    const stages = [...new Set([...sheet.info.stages, ...lines.map((l) => l.details.stage)])];
    out.push(el("div", { class: "columns by-stage" }, ...stages.filter((s) => !view.stage || s === view.stage).map((s) => {
      const there = lines.filter((l) => l.details.stage === s);
      return el("section", { "aria-label": s }, el("h3", { class: "stage" }, s), there.length ? list(there) : el("p", { class: "nothing" }, "Nothing here."));
    })));
  }
  return out;
}

// rights says what the person may do, and why.
export function rights(sheet) {
  const right = (may, what, why) => el("li", { class: may ? "yes" : "no" }, el("b", {}, may ? "You can" : "Not you"), el("span", {}, `${what}: ${why}`));
  const one = (role) => `you hold ${role === "visitor" ? "a" : "an"} ${role}’s facet of the festival`;
  return [
    right(true, "read everything on the list", sheet.role ? one(sheet.role) + ", and each lets its holder read." : "your facet lets its holder read."),
    right(sheet.mayAdd, "add events, and change yours", sheet.mayAdd ? one("organiser") + "; your events are at home here." : "that takes an organiser’s facet, which an admin can give you."),
    right(sheet.mayAdmin, "take events off the list, and change what the festival says", sheet.mayAdmin ? one("admin") + "." : "that takes an admin’s facet."),
    right(false, "change events of others", "nobody can but whoever has them at home, the admin included."),
  ];
}
