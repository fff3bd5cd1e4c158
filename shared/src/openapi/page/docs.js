"use strict";
// Shows openapi.json. Nothing of it is ever taken for HTML: all of it goes in as text.

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"];
let api;

const $ = (id) => document.getElementById(id);

/** An element with these attributes and children; what is null or false is left out. */
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function resolve(thing) {
  let found = thing;
  for (let depth = 0; found?.$ref && depth < 9; depth++) {
    found = found.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], api);
  }
  return found ?? {};
}

const refName = (schema) => schema?.$ref?.split("/").pop();

/** The little Markdown that descriptions have: paragraphs, lists, code. */
function prose(text) {
  if (!text) return [];
  const blocks = text.split(/\n\n/);
  return blocks.map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return el("ul", { class: "codes" }, lines.map((line) => el("li", {}, inline(line.slice(2)))));
    }
    return el("p", {}, lines.flatMap((line, place) => [place ? el("br") : null, ...inline(line)]));
  });
}

function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) => (part.startsWith("`") && part.length > 2 ? el("code", {}, part.slice(1, -1)) : part));
}

// ---- schemas

function typeOf(schema) {
  const name = refName(schema);
  if (name) return el("a", { href: `#schema-${name}` }, name);
  const parts = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (parts) {
    const joint = schema.allOf ? " & " : " | ";
    return el("span", {}, parts.flatMap((part, place) => [place ? joint : null, typeOf(part)]));
  }
  const types = [].concat(schema.type ?? (schema.enum ? "string" : "any"));
  return el("span", {}, types.flatMap((type, place) => {
    const shown = type === "array" ? ["array of ", typeOf(schema.items ?? {})] : [type];
    const format = schema.format && type !== "null" && type !== "array" ? ` (${schema.format})` : null;
    return [place ? " | " : null, ...shown, format];
  }));
}

function bounds(schema) {
  const said = [];
  const range = (low, high, what) => {
    if (low !== undefined && high !== undefined) said.push(`${low} to ${high}${what}`);
    else if (low !== undefined) said.push(`at least ${low}${what}`);
    else if (high !== undefined) said.push(`at most ${high}${what}`);
  };
  range(schema.minimum, schema.maximum, "");
  range(schema.minLength, schema.maxLength, " characters");
  range(schema.minItems, schema.maxItems, " items");
  if (schema.pattern) said.push(["matches ", el("code", {}, schema.pattern)]);
  if (schema.default !== undefined && schema.default !== null) said.push(["default ", el("code", {}, JSON.stringify(schema.default))]);
  const lines = said.length ? [el("p", { class: "quiet" }, said.flatMap((one, place) => [place ? ", " : null, one]))] : [];
  if (schema.enum) lines.push(el("p", {}, schema.enum.flatMap((one, place) => [place ? " " : null, el("code", {}, String(one))])));
  return lines;
}

/** Every property of an object, of all parts that it is made of. */
function properties(schema) {
  const whole = resolve(schema);
  const own = Object.entries(whole.properties ?? {}).map(([name, one]) => [name, one, (whole.required ?? []).includes(name)]);
  return own.concat((whole.allOf ?? []).flatMap(properties));
}

/** What is inside: of an object, of the items of a list, of what may be null. */
function inside(schema) {
  const whole = resolve(schema);
  if (properties(whole).length) return [whole];
  if (whole.items) return inside(whole.items);
  if (typeof whole.additionalProperties === "object") return inside(whole.additionalProperties);
  return (whole.oneOf ?? whole.anyOf ?? []).flatMap(inside);
}

function fields(schema) {
  const rows = properties(schema).map(([name, one, needed]) => {
    const what = one.description ?? (one.$ref ? null : undefined);
    return el("tr", {},
      el("td", {}, el("code", {}, name), needed ? el("span", { class: "needed" }, "required") : null),
      el("td", {}, el("span", { class: "type" }, typeOf(one)), prose(what), bounds(one), nested(one)));
  });
  return el("table", { class: "fields" }, el("tbody", {}, rows));
}

function nested(schema) {
  return inside(schema).map((one) => lazily("nested", [`its ${properties(one).length} fields`], () => [fields(one)]));
}

/** A part that is put together when it is opened for the first time. */
function lazily(kind, summary, make, attributes) {
  const part = el("details", { class: kind, ...attributes }, el("summary", {}, summary));
  part.fill = () => {
    if (!part.filled) part.append(...make());
    part.filled = true;
  };
  part.addEventListener("toggle", () => part.open && part.fill());
  return part;
}

function shape(schema) {
  const name = refName(schema);
  const whole = resolve(schema);
  const list = properties(whole).length ? fields(whole) : el("div", {}, bounds(whole), nested(whole));
  return [el("p", {}, el("span", { class: "type" }, typeOf(schema))), name && whole.description ? prose(whole.description) : null, list];
}

/** In the order of the schema, where JSON has lost it. */
function ordered(value, schema) {
  const whole = inside(schema)[0];
  if (Array.isArray(value)) return value.map((one) => ordered(one, schema));
  if (value === null || typeof value !== "object" || !whole) return value;
  const known = properties(whole);
  const places = new Map(known.map(([name], place) => [name, place]));
  const names = Object.keys(value).sort((a, b) => (places.get(a) ?? 999) - (places.get(b) ?? 999));
  return Object.fromEntries(names.map((name) => [name, ordered(value[name], known[places.get(name)]?.[1] ?? {})]));
}

// ---- operations

function copies(text) {
  const button = el("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copy by hand";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return el("div", { class: "copies" }, button, el("pre", { tabindex: "0" }, el("code", {}, text)));
}

const pretty = (value, schema) => JSON.stringify(ordered(value, schema ?? {}), null, 2);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(method, path, operation) {
  const parameters = (operation.parameters ?? []).map(resolve);
  const needed = parameters.filter((one) => one.required || one.name === "Idempotency-Key");
  const query = needed.filter((one) => one.in === "query").map((one) => `${one.name}=${encodeURIComponent(sample(one))}`);
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => sample(parameters.find((one) => one.in === "path" && one.name === name) ?? {}));
  const url = location.href.replace(/\/docs.*$/, "") + filled + (query.length ? `?${query.join("&")}` : "");
  const lines = [`curl${method === "get" ? "" : method === "head" ? " --head" : ` -X ${method.toUpperCase()}`} ${quoted(url)}`];
  const schemes = Object.keys((operation.security ?? []).find((one) => Object.keys(one).length) ?? {});
  if (schemes.includes("bearer")) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (schemes.includes("client")) lines.push(`-u "$CLIENT_ID:$CLIENT_SECRET"`);
  for (const one of needed.filter((own) => own.in === "header")) lines.push(`-H ${quoted(`${one.name}: ${sample(one)}`)}`);
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type === "application/x-www-form-urlencoded") {
    for (const [name, value] of Object.entries(pick(content))) lines.push(`--data-urlencode ${quoted(`${name}=${[].concat(value)[0]}`)}`);
  } else if (type === "multipart/form-data") {
    lines.push("-F file=@FILE");
  } else if (type) {
    lines.push(`-H ${quoted(`Content-Type: ${type}`)}`);
    lines.push(content.example !== undefined ? `-d ${quoted(JSON.stringify(ordered(content.example, content.schema)))}` : "--data-binary @FILE");
  }
  return lines.join(" \\\n  ");
}

/** Of a form, what has to be there and what is worth showing. */
function pick(content) {
  const whole = resolve(content.schema);
  const told = ["scope", "resource", "session"];
  const names = Object.keys(whole.properties ?? {}).filter((name) => (whole.required ?? []).includes(name) || told.includes(name));
  return Object.fromEntries(names.map((name) => [name, content.example?.[name] ?? ""]));
}

function sample(parameter) {
  const schema = resolve(parameter.schema ?? {});
  const known = parameter.example ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0];
  if (known !== undefined) return String(known);
  const byFormat = { uuid: "019c1d52-6a3e-7c1b-9f70-2f4a5c6d7e8f", "date-time": "2026-07-18T00:00:00Z", date: "2026-07-18" };
  if (/idempotency/i.test(parameter.name)) return "july-17";
  if (/tus-resumable/i.test(parameter.name)) return "1.0.0";
  if (/^upload-metadata/i.test(parameter.name)) return "filename anVseS5jc3Y=";
  return byFormat[schema.format] ?? (schema.type === "integer" || /length|offset/i.test(parameter.name) ? "1" : "VALUE");
}

/** Who may call, in a few words. */
function demand(operation) {
  const ways = operation.security ?? [];
  if (!ways.length) return "public";
  const said = ways.map((way) => {
    const [name, scopes] = Object.entries(way)[0] ?? [];
    if (!name) return null;
    return name === "bearer" ? ["token", ...(scopes ?? [])].join(" · ") : name;
  });
  const names = said.filter(Boolean).join(" or ");
  return said.includes(null) ? `${names}, or none` : names;
}

function parameters(operation) {
  const all = (operation.parameters ?? []).map(resolve);
  const common = (operation.parameters ?? []).filter((one) => one.$ref).map(resolve);
  const own = all.filter((one) => !common.includes(one));
  const row = (one) => el("tr", {},
    el("td", {}, el("code", {}, one.name), one.required ? el("span", { class: "needed" }, "required") : null),
    el("td", {}, el("span", { class: "type" }, one.in, " · ", typeOf(one.schema ?? {})), prose(one.description), bounds(resolve(one.schema ?? {}))));
  const table = (rows) => el("table", { class: "fields" }, el("tbody", {}, rows.map(row)));
  return [
    own.length ? [el("h3", {}, "Parameters"), table(own)] : null,
    common.length ? lazily("nested", ["headers that every operation takes"], () => [table(common)]) : null,
  ];
}

function request(operation) {
  const body = operation.requestBody;
  if (!body) return null;
  const contents = Object.entries(body.content).map(([type, content]) => [
    el("p", {}, el("code", {}, type), body.required ? null : el("span", { class: "quiet" }, " may be left out")),
    shape(content.schema ?? {}),
    content.example !== undefined && type.includes("json") ? copies(pretty(content.example, content.schema)) : null,
  ]);
  return [el("h3", {}, "Body"), contents];
}

function answer(status, given) {
  const response = resolve(given);
  const kind = status < 300 ? "good" : status < 400 ? "on" : "bad";
  const headers = Object.entries(response.headers ?? {}).filter(([name]) => name !== "X-Request-Id");
  const contents = Object.entries(response.content ?? {}).flatMap(([type, content]) => {
    const examples = Object.entries(content.examples ?? {}).map(([code, one]) => [code, resolve(one).value]);
    if (content.example !== undefined) examples.push(["example", content.example]);
    return [
      lazily("nested", [el("code", {}, type), " ", typeOf(content.schema ?? {})], () => shape(content.schema ?? {}).flat().filter(Boolean)),
      ...examples.map(([name, value]) => lazily("nested", [name === "example" ? "example" : `example ${name}`], () => [copies(pretty(value, content.schema))])),
    ];
  });
  return el("div", { class: `answer ${kind}` },
    el("span", { class: "status" }, status), prose(response.description),
    headers.length ? el("p", { class: "headers" }, headers.flatMap(([name, header]) => [el("code", {}, name), " ", inline(resolve(header).description ?? ""), " "])) : null,
    contents);
}

function operationView(method, path, operation) {
  const summary = [
    el("span", { class: `method ${method}` }, method.toUpperCase()), el("code", {}, path),
    el("span", { class: "says" }, operation.summary), el("span", { class: "lock" }, demand(operation)),
  ];
  const make = () => [el("div", { class: "body" },
    prose(operation.description),
    el("p", { class: "quiet" }, el("code", {}, operation.operationId), " · ", demand(operation)),
    parameters(operation), request(operation),
    el("h3", {}, "By hand"), copies(curl(method, path, operation)),
    el("h3", {}, "Answers"), Object.entries(operation.responses).map(([status, given]) => answer(status, given)))];
  const view = lazily("operation", summary, make, { id: operation.operationId });
  const codes = Object.values(operation.responses).flatMap((given) => resolve(given)["x-error-codes"] ?? []);
  view.text = [method, path, operation.operationId, operation.summary, operation.description, demand(operation), ...codes].join(" ").toLowerCase();
  return view;
}

// ---- the page

function groups() {
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
  return api.tags.map((tag) => ({ tag, operations: all.filter((one) => one.operation.tags.includes(tag.name)) }));
}

function link({ method, operation }) {
  return el("li", {}, el("a", { href: `#${operation.operationId}`, title: operation.summary },
    el("span", { class: `method ${method}` }, method.toUpperCase()), operation.operationId));
}

function show() {
  document.title = `${api.info.title} API`;
  $("title").textContent = api.info.title;
  $("version").textContent = api.info.version;
  const main = $("main");
  main.replaceChildren(el("p", {}, api.info.description ?? ""), el("p", { class: "quiet" }, "The document itself: ", el("a", { href: "openapi.json" }, "openapi.json"), `, OpenAPI ${api.openapi}.`));
  for (const { tag, operations } of groups()) {
    $("nav").append(el("section", {}, el("h2", {}, tag.name), el("ul", {}, operations.map(link))));
    main.append(el("section", {}, el("h2", {}, tag.name), el("p", {}, tag.description ?? ""),
      operations.map((one) => operationView(one.method, one.path, one.operation))));
  }
  const schemas = Object.entries(api.components?.schemas ?? {}).map(([name, schema]) => {
    const view = lazily("schema", [el("strong", {}, name)], () => [el("div", { class: "body" }, prose(schema.description), shape(schema))], { id: `schema-${name}` });
    view.text = name.toLowerCase();
    return view;
  });
  main.append(el("section", {}, el("h2", {}, "Schemas"), el("p", {}, "What bodies are made of."), schemas));
  main.append(el("p", { id: "none", role: "status", hidden: true }, "Nothing is called like that."));
  follow();
}

/** Opens what the address names. */
function follow() {
  const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named || named.tagName !== "DETAILS") return;
  named.fill();
  named.open = true;
  named.scrollIntoView();
  named.querySelector("summary").focus({ preventScroll: true });
}

function search() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const view of document.querySelectorAll("main details.operation, main details.schema")) {
    const hit = words.every((word) => view.text.includes(word));
    view.hidden = !hit;
    found += hit;
    const entry = $("nav").querySelector(`a[href="#${view.id}"]`);
    if (entry) entry.parentElement.hidden = !hit;
  }
  for (const section of document.querySelectorAll("main > section, nav > section")) {
    section.hidden = ![...section.querySelectorAll("details.operation, details.schema, li")].some((one) => !one.hidden && !one.closest(".body"));
  }
  $("none").hidden = found > 0;
}

function theme() {
  const kept = (() => { try { return localStorage.getItem("docs-theme"); } catch { return null; } })();
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function listen() {
  $("search").addEventListener("input", search);
  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) {
      event.preventDefault();
      $("search").focus();
    }
    if (event.key === "Escape" && document.activeElement === $("search")) {
      $("search").value = "";
      search();
    }
  });
  $("open-all").addEventListener("click", () => {
    const open = $("open-all").getAttribute("aria-pressed") !== "true";
    $("open-all").setAttribute("aria-pressed", String(open));
    $("open-all").textContent = open ? "Close all" : "Open all";
    for (const view of document.querySelectorAll("details.operation")) {
      view.fill();
      view.open = open;
    }
  });
  $("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("docs-theme", next); } catch { /* Not kept, then. */ }
  });
}

async function begin() {
  theme();
  listen();
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`the service answers ${answer.status}`);
    api = await answer.json();
    show();
  } catch (error) {
    $("state")?.replaceChildren(`openapi.json cannot be shown: ${error.message}`);
    throw error;
  }
}

begin();
