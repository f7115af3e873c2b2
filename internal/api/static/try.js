// What usher sees of the visitor of this page. It asks the server that serves
// the page, as long as that has the page switched on:
//
//   GET /try.json
//   Authorization: Bearer <visitor token of webchat/site>
//
//   200 {
//     "person": null | {                     the document of GET /v1/guests/{id} or /v1/contacts/{id}
//       "id": "gst_…" | "con_…", "type": "guest" | "lead" | "customer", "status": null,
//       "name": "…" | null, "email": …, "phone": …, "company": …, …, "fields": {"company_size": 20},
//       "tags": ["vip"],
//       "pseudonym": {"name": "Quiet Otter", "email": "…@guest.invalid"}     guests only
//     },
//     "leads": [                             what the destination sink recorded of this person, newest first
//       {"at": "2026-09-01T08:08:21Z", "kind": "lead.created", "name": "…" | null, "email": …, "phone": …,
//        "fields": {"company_size": 20}}
//     ]
//   }
//   401: no such visitor. It never shows anybody else's person.
"use strict";

const EVERY = 2000; // ms; a lead follows its contact within a second or so
const $ = (id) => document.getElementById(id);
let shown = "";
let asking = false;
let askAgain = false; // something happened while an answer was under way

async function look() {
  const session = window.usherChat?.session();
  askAgain = asking;
  if (asking || document.hidden) return;
  if (!session) {
    show({ person: null, leads: [] });
    return;
  }
  asking = true;
  try {
    const answer = await fetch("/try.json", { headers: { Authorization: "Bearer " + session.token }, cache: "no-store" });
    if (answer.status === 401) show({ person: null, leads: [] });
    else if (answer.ok) show(await answer.json());
    trouble(answer.ok || answer.status === 401 ? "" : `usher answers ${answer.status}.`);
  } catch {
    trouble("usher does not answer. Is it still running?");
  } finally {
    asking = false;
    if (askAgain) look();
  }
}

function show(seen) {
  const now = JSON.stringify(seen);
  if (now === shown) return; // so that screen readers say only what is new
  shown = now;
  $("person").replaceChildren(...person(seen.person));
  $("leads").replaceChildren(...(seen.leads || []).map(lead));
  $("no-leads").hidden = Boolean(seen.leads?.length);
}

function person(p) {
  if (!p) return [el("p", "none", "Nobody yet. Say something in the chat.")];
  const guest = !p.id?.startsWith("con_");
  const made = p.pseudonym || {};
  const heading = el("p", "who", p.name || made.name || p.email || p.phone || "Somebody");
  heading.append(el("span", guest ? "tag" : "tag known", guest ? "guest, not in contacts" : `contact · ${p.type}`));
  if (p.status) heading.append(el("span", "tag", p.status.replaceAll("_", " ")));
  const rows = [];
  for (const [label, value, madeUp] of [["Name", p.name, made.name], ["E-mail", p.email, made.email], ["Phone", p.phone]]) {
    if (known(value)) rows.push([label, text(value)]);
    else if (madeUp) rows.push([label, madeUp, "made-up"]);
  }
  const others = ["customer_id", "company", "country", "city", "zip", "language", "timezone", "contact_address", "billing_address"];
  for (const name of others) if (known(p[name])) rows.push([words(name), text(p[name])]);
  rows.push(...fieldRows(p.fields));
  if (p.tags?.length) rows.push(["Tags", p.tags.join(", ")]);
  rows.push(["Id", p.id]);
  return [heading, list(rows)];
}

function lead(l) {
  const item = el("li");
  const heading = el("p", "who", l.name || l.email || l.phone || "Lead");
  heading.append(el("span", "tag known", l.kind));
  const time = el("time", "", new Date(l.at).toLocaleTimeString());
  time.dateTime = l.at;
  heading.append(time);
  const rows = [["E-mail", l.email], ["Phone", l.phone]].filter(([, value]) => known(value));
  item.append(heading, list([...rows, ...fieldRows(l.fields)]));
  return item;
}

const fieldRows = (fields) => Object.entries(fields || {}).filter(([, v]) => known(v)).map(([name, v]) => [words(name), text(v)]);
const known = (v) => v !== null && v !== undefined && v !== "";
const words = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

function text(v) {
  if (typeof v === "boolean") return v ? "yes" : "no";
  return typeof v === "object" ? JSON.stringify(v) : String(v);
}

function list(rows) {
  const dl = el("dl");
  for (const [label, value, kind] of rows) dl.append(el("dt", "", label), el("dd", kind || "", value));
  return dl;
}

function el(tag, className, content) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (content !== undefined) e.textContent = content;
  return e;
}

function trouble(what) {
  $("trouble").textContent = what;
  $("trouble").hidden = !what;
}

for (const id of ["curl", "embed"]) $(id).textContent = $(id).textContent.replace("http://127.0.0.1:8080", location.origin);
$("again").addEventListener("click", () => window.usherChat?.reset());
document.addEventListener("usher:change", look);
document.addEventListener("visibilitychange", look);
setInterval(look, EVERY);
look();
