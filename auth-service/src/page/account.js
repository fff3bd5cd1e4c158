// The account page. The access token lives in this page alone; what renews it is in a cookie that no script can read.

import { language, switchLanguage, words } from "./words.js";

const $ = (id) => document.getElementById(id);
const VIEWS = ["login", "signup", "reset", "account"];

let access = null;
/// Raised when somebody signs in or out: what was asked for before then is not looked at any more.
let turn = 0;

// ---- asking the services

async function ask(method, path, body) {
  const headers = { "Accept-Language": language };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (access) headers["Authorization"] = `Bearer ${access}`;
  const content = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, { method, headers, body: content, cache: "no-store" });
  } catch {
    return { ok: false, status: 0, code: "", message: words().unreachable, data: null };
  }
  const answer = await response.json().catch(() => null);
  return {
    ok: response.ok,
    status: response.status,
    code: answer?.errorCode ?? "",
    message: answer?.message ?? words().unreachable,
    data: answer?.data ?? null,
  };
}

let renewing = null;

/// One at a time, however many need it. What there was stays until there is something better, or nothing any more.
function refresh() {
  renewing ??= renew().finally(() => (renewing = null));
  return renewing;
}

async function renew() {
  const answer = await ask("POST", "/api/v2/auth/refresh");
  if (answer.ok) access = answer.data?.accessToken ?? null;
  else if (isOver(answer)) access = null;
  return answer;
}

/// Whether an answer says that this login has ended; others may pass.
function isOver(answer) {
  return ["A004", "A007", "A008"].includes(answer.code);
}

/// With a token that has expired, once more with the next one.
async function askSignedIn(method, path, body) {
  const answer = await ask(method, path, body);
  if (answer.status !== 401 || isOver(answer)) return answer;
  const renewed = await refresh();
  return renewed.ok ? ask(method, path, body) : renewed;
}

// ---- what is seen

function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = words()[element.dataset.text];
  }
}

function notice(text, bad = false) {
  const place = $("notice");
  place.hidden = !text;
  place.classList.toggle("bad", bad);
  place.textContent = text;
}

function show(view) {
  $("waiting").hidden = true;
  for (const own of VIEWS) $(own).hidden = own !== view;
  $(`${view}-title`).focus({ preventScroll: true });
}

function suggest(provider) {
  for (const button of document.querySelectorAll("[data-provider]")) {
    button.classList.toggle("suggested", button.dataset.provider === provider);
  }
}

/// Says no, in words; where somebody has an account already, by what.
function refuse(answer) {
  if (answer.code === "U001") {
    notice(answer.message, true);
    location.hash = "#login";
    suggest(answer.data.provider);
    return;
  }
  const missing = answer.code === "U006" ? (answer.data?.missing ?? []) : [];
  const lines = [answer.message, ...missing.map((rule) => words().missing[rule] ?? rule)];
  notice(lines.join("\n"), true);
}

/// Keeps a form from being sent twice, and gives its fields.
function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = form.querySelectorAll("button");
    buttons.forEach((button) => (button.disabled = true));
    notice("");
    try {
      await work(Object.fromEntries(new FormData(form)));
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  });
}

// ---- signing in and out

async function signedIn() {
  turn += 1;
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (await listSessions()) {
    show("account");
    watch(turn);
  }
}

function signedOut(text, bad = false) {
  turn += 1;
  access = null;
  notice(text, bad);
  history.replaceState(null, "", location.pathname);
  show("login");
}

async function logIn(email, password) {
  const answer = await ask("POST", "/api/v2/auth/login", { email, password });
  if (!answer.ok) return refuse(answer);
  access = answer.data?.accessToken ?? null;
  await signedIn();
}

/// Waits until this login ends, wherever it is ended. A page that nobody sees does not wait: browsers have few connections.
async function watch(own) {
  while (own === turn) {
    if (document.hidden) await once(document, "visibilitychange");
    else await look(own);
  }
}

async function look(own) {
  const answer = await askSignedIn("GET", "/api/v2/auth/sessions/watch");
  if (own !== turn) return;
  if (isOver(answer)) signedOut(words().endedElsewhere, true);
  else if (!answer.ok) await new Promise((resolve) => setTimeout(resolve, 2000));
}

function once(target, event) {
  return new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));
}

async function listSessions() {
  const answer = await askSignedIn("GET", "/api/v2/auth/sessions");
  if (isOver(answer)) {
    signedOut(words().endedElsewhere, true);
    return false;
  }
  if (!answer.ok) {
    refuse(answer);
    return true;
  }
  const sessions = answer.data ?? [];
  $("sessions").replaceChildren(...sessions.map(sessionItem));
  $("end-others").disabled = sessions.length < 2;
  await listHandoffs();
  return true;
}

function sessionItem(session) {
  const item = $("session").content.cloneNode(true);
  translate(item);
  const device = session.device || words().unknownDevice;
  const [name, hint] = item.querySelectorAll("p");
  name.textContent = device;
  if (session.current) {
    const here = document.createElement("span");
    here.className = "here";
    here.textContent = ` · ${words().here}`;
    name.append(here);
  }
  const time = (at) => new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  const { lastUsed, firstUsed, password } = words();
  const way = session.provider === "LOCAL" ? password : session.provider;
  hint.textContent = `${session.address} · ${way} · ${lastUsed} ${time(session.lastUsedAt)} · ${firstUsed} ${time(session.firstUsedAt)}`;
  const end = item.querySelector("button");
  end.setAttribute("aria-label", words().endThis(device));
  end.addEventListener("click", () => endSession(session));
  return item;
}

// ---- what services do later on

/// Services may know of nothing: then nothing is shown of it.
async function listHandoffs() {
  const answer = await askSignedIn("GET", "/api/v2/auth/handoffs");
  const handoffs = answer.data ?? [];
  $("handoffs").replaceChildren(...handoffs.map(handoffItem));
  $("handed-on").hidden = handoffs.length === 0;
}

function handoffItem(handoff) {
  const item = $("session").content.cloneNode(true);
  const [name, hint] = item.querySelectorAll("p");
  name.textContent = handoff.purpose;
  const { by, from, until, uses, outlives } = words();
  const begins = new Date(handoff.notBefore);
  const parts = [by(handoff.executor, handoff.handedOnBy)];
  if (begins > new Date()) parts.push(from(...moment(begins)));
  parts.push(until(...moment(new Date(handoff.notAfter))), uses(handoff.uses, handoff.maxUses));
  if (handoff.outlivesLogout) parts.push(outlives);
  hint.textContent = parts.join(" · ");
  const end = item.querySelector("button");
  end.textContent = words().recall;
  end.setAttribute("aria-label", words().recallThis(handoff.purpose));
  end.addEventListener("click", () => recall(handoff));
  return item;
}

/// The day in a word where there is one, and the time.
function moment(at) {
  const dayOf = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
  const days = Math.round((dayOf(at) - dayOf(new Date())) / 86_400_000);
  const { tonight, today, tomorrow } = words().days;
  const named = days === 0 ? (at.getHours() >= 18 ? tonight : today) : days === 1 ? tomorrow : null;
  const day = named ?? at.toLocaleDateString(language, { dateStyle: "medium" });
  return [day, at.toLocaleTimeString(language, { timeStyle: "short" })];
}

async function recall(handoff) {
  const answer = await askSignedIn("DELETE", `/api/v2/auth/handoffs/${encodeURIComponent(handoff.id)}`);
  if (!answer.ok && answer.status !== 404) return refuse(answer);
  notice(words().recalled(handoff.purpose));
  await listHandoffs();
}

// ---- ending logins

async function endSession(session) {
  if (session.current) return logOut();
  const answer = await askSignedIn("DELETE", `/api/v2/auth/sessions/${encodeURIComponent(session.id)}`);
  if (!answer.ok && answer.status !== 404) refuse(answer);
  await listSessions();
}

async function endOthers() {
  const answer = await askSignedIn("POST", "/api/v2/auth/logout-all?others_only=true");
  if (!answer.ok) return refuse(answer);
  notice(words().othersEnded(answer.data.ended));
  await listSessions();
}

async function logOut() {
  // What is being waited for would say that somebody else has done it.
  turn += 1;
  const answer = await ask("POST", "/api/v2/auth/logout");
  if (answer.ok) return signedOut(words().ended);
  refuse(answer);
  watch(turn);
}

// ---- signing up, and a new password: the address is proved first

function prepareSteps(name, purpose, finish) {
  const form = $(`${name}-form`);
  form.append($("steps").content.cloneNode(true));
  if (name !== "signup") form.querySelector("[data-only]").remove();
  const { email, code } = form.elements;
  const [codeStep, lastStep] = form.querySelectorAll("fieldset");
  const next = form.elements.next;
  let step = 0;
  let token = null;

  function go(to) {
    step = to;
    codeStep.hidden = codeStep.disabled = step !== 1;
    lastStep.hidden = lastStep.disabled = step !== 2;
    email.readOnly = step > 0;
    const last = name === "signup" ? "finishSignup" : "finishReset";
    next.dataset.text = ["sendCode", "checkCode", last][step];
    next.textContent = words()[next.dataset.text];
    const first = [email, code, lastStep.querySelector("input")][step];
    if (!form.closest("section").hidden) first.focus();
  }

  async function sendCode() {
    const answer = await ask("POST", "/api/v2/users/email-codes", { email: email.value, purpose });
    if (!answer.ok) return refuse(answer);
    notice(words().codeSent);
    go(1);
  }

  async function checkCode() {
    const body = { email: email.value, purpose, code: code.value };
    const answer = await ask("POST", "/api/v2/users/email-codes/verify", body);
    if (!answer.ok) return refuse(answer);
    token = answer.data.token;
    go(2);
  }

  form.elements.resend.addEventListener("click", async (event) => {
    event.target.disabled = true;
    notice("");
    await sendCode();
    event.target.disabled = false;
  });
  onSubmit(form, async (fields) => {
    if (step === 0) return sendCode();
    if (step === 1) return checkCode();
    const again = await finish({ ...fields, email: email.value, token });
    // A proof that is used up is asked for again from the beginning.
    if (again) go(0);
  });
  go(0);
  return () => {
    form.reset();
    go(0);
  };
}

async function finishSignup({ email, password, name, token }) {
  const answer = await ask("POST", "/api/v2/users", { email, password, name, token });
  if (!answer.ok) {
    refuse(answer);
    return answer.code === "U003" || answer.code === "U001";
  }
  await logIn(email, password);
  return true;
}

async function finishReset({ email, password, token }) {
  const answer = await ask("POST", "/api/v2/users/password-reset", { email, password, token });
  if (!answer.ok) {
    refuse(answer);
    return answer.code === "U005";
  }
  signedOut(words().resetDone);
  $("login-form").elements.email.value = email;
  return true;
}

const begin = {
  signup: prepareSteps("signup", "SIGNUP", finishSignup),
  reset: prepareSteps("reset", "PASSWORD_RESET", finishReset),
};

// ---- beginning

function route() {
  if (access) return;
  const view = location.hash.slice(1);
  const known = view === "signup" || view === "reset" ? view : "login";
  if (known !== "login") {
    notice("");
    suggest(null);
  }
  show(known);
  begin[known]?.();
}

/// What a provider's visit has come to stands in the query, and is said once.
function cameBack() {
  const query = new URLSearchParams(location.search);
  const [error, code, provider] = ["error", "errorCode", "provider"].map((name) => query.get(name));
  const linked = query.get("linked");
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  if (linked) return { text: words().linked(linked) };
  if (!error && !code) return null;
  if (code === "U001" && provider) return { text: words().taken(provider), bad: true, provider };
  if (error === "access_denied") return { text: words().denied, bad: true };
  return { text: words()[code] ?? words().A010, bad: true };
}

async function showProviders() {
  const answer = await ask("GET", "/account/providers");
  const providers = answer.data ?? [];
  $("social").hidden = providers.length === 0;
  for (const button of document.querySelectorAll("[data-provider]")) {
    button.hidden = !providers.includes(button.dataset.provider);
  }
}

function setLanguage() {
  document.documentElement.lang = language;
  translate(document);
  const other = language === "en" ? ["한국어", "ko"] : ["English", "en"];
  [$("language").textContent, $("language").lang] = other;
}

async function start() {
  setLanguage();
  $("language").addEventListener("click", () => {
    switchLanguage();
    setLanguage();
    notice("");
    if (access) listSessions();
  });
  onSubmit($("login-form"), ({ email, password }) => logIn(email, password));
  $("logout").addEventListener("click", logOut);
  $("end-others").addEventListener("click", endOthers);
  window.addEventListener("hashchange", route);
  const outcome = cameBack();
  const [answer] = await Promise.all([refresh(), showProviders()]);
  if (answer.ok && access) await signedIn();
  else route();
  if (outcome) {
    notice(outcome.text, outcome.bad);
    suggest(outcome.provider);
  } else if (answer.code === "A008" || answer.status >= 500 || answer.status === 0) {
    notice(answer.message, true);
  }
}

start();
