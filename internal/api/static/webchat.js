// The chat widget of usher. One script, no framework, no other host:
//
//   <script src="https://chat.example.com/webchat.js" data-channel="site" defer></script>
//
// data-channel   name of the webchat channel (site)
// data-business  further business that owns the channel, if it is not the first
// data-target    CSS selector of an element to fill; without it a button floats in the corner
// data-title     heading (Chat with us)
// data-color     accent, #rrggbb; white text must be readable on it
// data-strings   JSON object that replaces texts below, for other languages
//
// The page may use window.usherChat: open(), close(), send(text), reset(), session(), identify(jwt).
// The event "usher:change" on document says that the session or the conversation changed.
// A page with a content security policy allows usher's host in script-src, style-src and connect-src.
((script, widget) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => widget(script));
  else widget(script);
})(document.currentScript, (script) => {
  "use strict";

  const options = script.dataset;
  const business = options.business ? `b/${encodeURIComponent(options.business)}/` : "";
  const styleSheet = new URL("static/webchat.css", script.src).href;
  const endpoint = new URL(`${business}hooks/webchat/${encodeURIComponent(options.channel || "site")}`, script.src).href;

  const strings = {
    title: "Chat with us", open: "Open chat", close: "Close chat", log: "Conversation", message: "Your message",
    send: "Send", hello: "Write a message to begin.", you: "You", us: "Reply", typing: "is typing…",
    offline: "No connection. Trying again…", failed: "Not sent.", retry: "Try again", refused: "This could not be sent.",
    choices: "Answers", choose: "Please choose", yes: "Yes", no: "No", submit: "Send", sent: "Sent", required: "required", file: "File",
  };
  try {
    Object.assign(strings, JSON.parse(options.strings || "{}"));
  } catch {
    console.warn("usher: data-strings is no JSON");
  }
  if (options.title) strings.title = options.title;

  // ---- session: an id and the token that proves it, kept over reloads -------

  const MINUTE = 60e3;
  const RENEW_BEFORE = 30 * 24 * 60 * MINUTE; // a third of a token's life; asked for once a page
  const storeKey = "usher:" + endpoint;
  let session = null; // {external_id, token, expires_at, started}
  let opening = null; // the request for a session that is under way
  let renewed = false;

  try {
    session = JSON.parse(localStorage.getItem(storeKey));
  } catch {
    // storage is switched off: the session lasts as long as the page
  }

  function keepSession(s) {
    session = s;
    try {
      if (s) localStorage.setItem(storeKey, JSON.stringify(s));
      else localStorage.removeItem(storeKey);
    } catch {
      // as above
    }
    changed();
  }

  async function ensureSession() {
    const left = session ? Date.parse(session.expires_at) - Date.now() : 0;
    if (left > RENEW_BEFORE || (left > MINUTE && renewed)) return session;
    opening ||= openSession(left > MINUTE).finally(() => { opening = null; });
    return opening;
  }

  async function openSession(renew) {
    const old = session;
    const answer = await request("/session", { method: "POST", headers: renew ? authorization() : {} });
    if (!answer.ok) throw new Error(`session: ${answer.status}`);
    const fresh = await answer.json();
    renewed = true;
    keepSession({ ...fresh, started: Boolean(renew && old.started && old.external_id === fresh.external_id) });
    return session;
  }

  const authorization = () => ({ Authorization: "Bearer " + session.token });

  // No cookies: the token in the header is the only thing that proves anybody.
  const request = (path, init) => fetch(endpoint + path, { credentials: "omit", cache: "no-store", ...init });

  // ---- sending: in order, again under the same id until it is taken ---------

  const ATTEMPTS = 5;
  let queue = Promise.resolve();

  function post(message, mid = uuid()) {
    const task = queue.then(() => deliver({ ...message, mid }));
    queue = task.catch(() => {});
    return task;
  }

  async function deliver(message) {
    for (let attempt = 1; ; attempt++) {
      let answer = null;
      try {
        const s = await ensureSession();
        answer = await request("", {
          method: "POST",
          headers: { ...authorization(), "Content-Type": "application/json" },
          body: JSON.stringify({
            ...message, author: s.external_id, createdAt: new Date().toISOString(), language: navigator.language,
            page: { url: location.href.split("#")[0], title: document.title },
            referrer: document.referrer || undefined,
          }),
        });
      } catch {
        // no connection: as good as a server that is busy
      }
      answer?.text().catch(() => {}); // an answer that nobody reads counts as cut off
      if (answer?.ok) return;
      if (answer?.status === 401) restart();
      else if (answer && answer.status < 500 && answer.status !== 429) throw new Error("refused");
      if (attempt === ATTEMPTS) throw new Error("failed");
      await sleep(1000 * Math.max(2 ** (attempt - 1), Number(answer?.headers.get("Retry-After")) || 0));
    }
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID(); // only where the page is secure
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

  // ---- receiving: server-sent events through fetch, which can send a header -

  const SILENCE = 45e3; // three heartbeats missed: the connection is dead
  const MAX_WAIT = 30e3;
  let lastID = "";
  let stream = null; // AbortController of the open stream

  async function listen() {
    if (stream) return;
    const mine = stream = new AbortController();
    let wait = 500;
    while (!mine.signal.aborted) {
      const connection = new AbortController();
      const stop = () => connection.abort();
      mine.signal.addEventListener("abort", stop);
      let alarm = setTimeout(stop, SILENCE);
      try {
        await ensureSession();
        start();
        const headers = { ...authorization(), Accept: "text/event-stream" };
        if (lastID) headers["Last-Event-ID"] = lastID;
        const answer = await request("/stream", { headers, signal: connection.signal });
        if (answer.status === 401) forget();
        if (!answer.ok) throw new Error(`stream: ${answer.status}`);
        status("");
        wait = 500;
        await readEvents(answer.body, receive, () => {
          clearTimeout(alarm);
          alarm = setTimeout(stop, SILENCE);
        });
      } catch {
        if (wait > 1000 && !mine.signal.aborted) status(strings.offline);
      }
      clearTimeout(alarm);
      mine.signal.removeEventListener("abort", stop);
      connection.abort();
      if (mine.signal.aborted) return;
      await Promise.race([sleep(wait * (0.75 + Math.random() / 2)), once(window, "online")]);
      wait = Math.min(wait * 2, MAX_WAIT);
    }
  }

  const once = (target, name) => new Promise((done) => { target.addEventListener(name, done, { once: true }); });

  async function readEvents(body, each, alive) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let event = {};
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines.map((l) => l.replace(/\r$/, ""))) {
        if (line === "") {
          if (event.data !== undefined) each(event);
          event = {};
        } else if (!line.startsWith(":")) {
          const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
          event[name] = name === "data" && event.data !== undefined ? event.data + "\n" + text : text;
        }
      }
    }
  }

  // start tells usher once that somebody has opened the chat.
  function start() {
    if (session.started) return;
    keepSession({ ...session, started: true });
    post({ type: "start", data: {} }, "start").catch(() => {});
  }

  function restart() {
    stream?.abort();
    stream = null;
    forget();
    if (!panel.hidden) listen();
  }

  function forget() {
    keepSession(null);
    lastID = "";
    seen.clear();
    pending.length = 0;
    clear();
  }

  // ---- the conversation -----------------------------------------------------

  const seen = new Set(); // ids of messages that are shown
  const pending = []; // {mid, text, form} that the stream has not shown back yet

  function receive(event) {
    if (event.event === "typing") {
      typing(true);
      return;
    }
    let m = null;
    try {
      m = JSON.parse(event.data);
    } catch {
      // told apart below: no message
    }
    if (!m || (event.event && event.event !== "message")) return;
    if (event.id) lastID = event.id;
    if (m.id && seen.has(m.id)) return;
    if (m.id) seen.add(m.id);
    if (m.from === "you") {
      const known = pending.findIndex((p, i) => p.mid === m.id || p.text === m.text || (p.form && i === 0));
      if (known >= 0) pending.splice(known, 1);
      else showYours(m.text, m.media);
    } else {
      showOurs(m);
    }
    changed();
  }

  // say posts a message and shows it at once.
  function say(message, text, form) {
    const sent = { mid: uuid(), text, form };
    const bubble = showYours(text);
    const attempt = async () => {
      pending.push(sent);
      typing(true);
      try {
        await post(message, sent.mid);
        changed();
      } catch (problem) {
        if (pending.includes(sent)) pending.splice(pending.indexOf(sent), 1);
        typing(false);
        showFailure(bubble, problem.message === "refused" ? null : attempt);
      }
    };
    attempt();
  }

  const changed = () => document.dispatchEvent(new CustomEvent("usher:change"));

  // ---- what is seen ---------------------------------------------------------

  // h makes an element: names that begin with "on" are listeners, the others
  // properties if the element has them, else attributes. Children are nodes or
  // texts; nothing is ever parsed as HTML.
  function h(tag, attributes = {}, ...children) {
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
      else if (name in el) el[name] = value;
      else el.setAttribute(name, value === true ? "" : value);
    }
    el.append(...children.filter((c) => c !== null && c !== undefined));
    return el;
  }

  const target = options.target ? document.querySelector(options.target) : null;
  const host = h("div");
  const root = host.attachShadow({ mode: "open" });
  if (/^#[0-9a-f]{6}$/i.test(options.color || "")) host.style.setProperty("--accent", options.color);

  const hello = h("p", { className: "hello" }, strings.hello);
  const dots = h("p", { className: "typing", hidden: true }, h("span", { className: "hidden" }, strings.us + " " + strings.typing), h("i"), h("i"), h("i"));
  const log = h("div", { className: "log", role: "log", "aria-live": "polite", "aria-busy": "true", "aria-label": strings.log, tabIndex: 0 }, hello);
  const statusLine = h("p", { className: "status", role: "status", hidden: true });
  const input = h("textarea", {
    rows: 1, maxLength: 4096, placeholder: strings.message, "aria-label": strings.message, enterKeyHint: "send",
    oninput: grow,
    onkeydown: (e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      sendInput();
    },
  });
  const composer = h("form", { className: "composer", onsubmit: (e) => { e.preventDefault(); sendInput(); } },
    input, h("button", { type: "submit", "aria-label": strings.send, title: strings.send }, icon("M4 12l16-8-6 16-3-7z")));
  const closer = target ? null : h("button", { type: "button", className: "close", "aria-label": strings.close, onclick: close }, icon("M6 6l12 12M18 6L6 18"));
  const panel = h("section", { className: "panel", "aria-label": strings.title, role: target ? "region" : "dialog", hidden: !target },
    h("header", {}, h("h2", {}, strings.title), closer), log, dots, statusLine, composer);
  const badge = h("span", { className: "badge", hidden: true });
  const launcher = target ? null : h("button", { type: "button", className: "launcher", "aria-label": strings.open, "aria-expanded": "false", onclick: () => (panel.hidden ? open() : close()) },
    icon("M4 5h16v11H9l-5 4z"), badge);
  panel.addEventListener("keydown", (e) => { if (e.key === "Escape" && !target) close(); });

  function icon(path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  let unread = 0;
  let live = []; // buttons and forms that still wait for an answer
  let typingTimer = 0;
  let busyTimer = 0; // what was said before the page was loaded is not read out

  function showOurs(m) {
    typing(false);
    const parts = [];
    if (m.text) parts.push(h("p", {}, ...linked(m.text)));
    for (const file of m.media || []) parts.push(media(file));
    if (parts.length) add("ours", ...parts);
    if (m.form?.fields?.length) add("ours wide", form(m.form));
    if (m.buttons?.length) {
      const group = h("div", { className: "choices", role: "group", "aria-label": strings.choices },
        ...m.buttons.map((b) => h("button", {
          type: "button",
          onclick: () => { refocus(); say({ type: "quick_reply", data: { text: b.title, payload: b.value } }, b.title); },
        }, b.title)));
      live.push(() => group.remove());
      append(group);
    }
    if (panel.hidden && launcher) {
      badge.textContent = ++unread > 9 ? "9+" : String(unread);
      badge.hidden = false;
    }
  }

  function showYours(text, files) {
    live.forEach((retire) => retire());
    live = [];
    if (!text && !files?.length) return null; // answers to a form
    const bubble = add("yours", text ? h("p", {}, text) : null, ...(files || []).map(media));
    log.scrollTop = log.scrollHeight;
    return bubble;
  }

  function showFailure(bubble, again) {
    const note = h("p", { className: "failure", role: "alert" }, again ? strings.failed + " " : strings.refused);
    if (again) note.append(h("button", { type: "button", onclick: () => { note.remove(); again(); } }, strings.retry));
    bubble.append(note);
  }

  function add(kind, ...parts) {
    const who = kind.startsWith("ours") ? strings.us : strings.you;
    const bubble = h("div", { className: "bubble " + kind }, h("span", { className: "hidden" }, who + ": "), ...parts);
    append(bubble);
    return bubble;
  }

  function append(el) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    hello.hidden = true;
    log.append(el);
    clearTimeout(busyTimer);
    busyTimer = setTimeout(() => log.removeAttribute("aria-busy"), 500);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function clear() {
    live = [];
    log.replaceChildren(hello);
    log.setAttribute("aria-busy", "true");
    hello.hidden = false;
    typing(false);
  }

  const webAddress = (s) => /^https?:\/\//i.test(s);
  const link = (url, text) => h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
  const linked = (text) => text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]])/i).map((part, i) => (i % 2 ? link(part, part) : part));

  function media(m) {
    const name = m.filename || strings.file;
    if (!webAddress(m.url || "")) return h("p", {}, name);
    const shown = m.type === "image" ? h("img", { src: m.url, alt: m.filename || "", loading: "lazy", referrerPolicy: "no-referrer" }) : name;
    return link(m.url, shown);
  }

  // form shows all fields at once; its answers go out under the fields' names.
  function form(f) {
    const inputs = f.fields.map((field) => [field, control(field)]);
    const el = h("form", {
      className: "form",
      onsubmit: (e) => {
        e.preventDefault();
        const fields = {};
        const said = [];
        for (const [field, box] of inputs) {
          const value = read(field, box);
          if (value === "") continue;
          fields[field.name] = value;
          said.push(box.selectedOptions ? box.selectedOptions[0].textContent : box.value.trim());
        }
        say({ type: "form", data: { fields } }, said.join(" · ") || strings.sent, true);
        refocus();
      },
    },
    f.title ? h("h3", {}, f.title) : null,
    ...inputs.map(([field, box]) => h("label", {},
      h("span", {}, field.label || field.name, field.required ? h("abbr", { title: strings.required }, " *") : null), box)),
    h("button", { type: "submit" }, strings.submit));
    // What was answered follows in a bubble of its own.
    live.push(() => {
      el.parentNode.classList.remove("wide");
      el.replaceWith(h("p", {}, f.title || f.fields.map((field) => field.label || field.name).join(", ")));
    });
    return el;
  }

  function control(field) {
    const { input: kind, name, required, choices } = field;
    const answers = kind === "yes_no" && !choices?.length ? [{ title: strings.yes, value: "yes" }, { title: strings.no, value: "no" }] : choices;
    if (answers?.length) {
      return h("select", { name, required }, h("option", { value: "" }, strings.choose),
        ...answers.map((c) => h("option", { value: c.value || c.title }, c.title)));
    }
    const types = { number: "number", date: "date", email: "email", phone: "tel", url: "url" };
    const autocomplete = { name: "name", first_name: "given-name", last_name: "family-name", email: "email", phone: "tel", company: "organization", zip: "postal-code", country: "country" };
    return h("input", {
      type: types[kind] || "text", name, required, maxLength: kind === "number" || kind === "date" ? undefined : 640,
      step: kind === "number" ? "any" : undefined, autocomplete: autocomplete[name] || "on",
    });
  }

  function read(field, box) {
    const text = box.value.trim();
    if (text !== "" && field.input === "number" && box.type === "number") return Number(text);
    if (text !== "" && field.input === "yes_no" && !field.choices?.length) return text === "yes";
    return text;
  }

  function sendInput() {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    grow();
    say({ type: "text", data: { text } }, text);
  }

  function grow() {
    input.style.height = "auto";
    input.style.height = Math.min(input.scrollHeight, 120) + "px";
  }

  // refocus is for when the focused button goes away; on touch screens the
  // keyboard stays down.
  const refocus = () => (matchMedia("(hover: hover)").matches ? input : log).focus();

  function typing(on) {
    clearTimeout(typingTimer);
    dots.hidden = !on;
    if (on) typingTimer = setTimeout(() => typing(false), 6000); // nobody promised an answer
  }

  function status(text) {
    statusLine.textContent = text;
    statusLine.hidden = !text;
  }

  function open() {
    panel.hidden = false;
    launcher?.setAttribute("aria-expanded", "true");
    unread = 0;
    badge.hidden = true;
    listen();
    if (!target) input.focus();
  }

  function close() {
    if (target) return;
    panel.hidden = true;
    launcher.setAttribute("aria-expanded", "false");
    launcher.focus();
  }

  async function identify(statement) {
    await ensureSession();
    const answer = await request("/identify", {
      method: "POST", headers: { ...authorization(), "Content-Type": "application/json" }, body: JSON.stringify({ token: statement }),
    });
    if (!answer.ok) throw new Error(`usher: identify: ${answer.status}`);
    changed();
    return answer.json();
  }

  window.usherChat = {
    open, close, identify,
    reset: restart, // makes a new visitor of this browser
    send: (text) => say({ type: "text", data: { text: String(text) } }, String(text)),
    session: () => session && { ...session },
  };

  host.className = target ? "usher-inline" : "usher-floating";
  const show = () => { host.hidden = false; };
  host.hidden = true; // until it looks as it should
  root.append(h("link", { rel: "stylesheet", href: styleSheet, onload: show, onerror: show }), ...(launcher ? [panel, launcher] : [panel]));
  (target || document.body).append(host);
  if (target) open();
});
