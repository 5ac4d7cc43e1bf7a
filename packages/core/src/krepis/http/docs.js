// The documentation page. Every text of the document becomes a text node or an attribute value, never markup.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const METHODS = ["get", "post", "put", "patch", "delete"];
  const OPEN_DEPTH = 2, COLORED_MAX = 200000;

  /** An element: `h("p.note", { title: "x" }, child, "text")`; functions among the attributes are listeners. */
  function h(form, attributes, ...children) {
    const [tag, ...classes] = form.split(".");
    const element = document.createElement(tag || "div");
    if (classes.length) element.className = classes.join(" ");
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.flat(3).filter((child) => child != null && child !== false && child !== 0));
    return element;
  }

  // The service may stand under a prefix that it does not know: what comes before this page's own path.
  const { document: place, page } = document.body.dataset;
  const prefix = location.pathname.endsWith(page) ? location.pathname.slice(0, -page.length) : "";
  const root = location.origin + prefix;

  let spec, operations = [];

  // ---- the document

  function deref(node) {
    for (let hops = 0; node && typeof node.$ref === "string" && node.$ref.startsWith("#/") && hops < 32; hops++) {
      let target = spec;
      for (const part of node.$ref.slice(2).split("/")) target = target?.[part.replace(/~1/g, "/").replace(/~0/g, "~")];
      const { $ref, ...own } = node;
      node = Object.keys(own).length ? { ...target, ...own } : target;
    }
    return node || {};
  }

  const refName = (node) => (node && node.$ref ? node.$ref.split("/").pop() : "");
  const options = (schema) => schema.anyOf || schema.oneOf || null;
  const types = (schema) => [].concat(schema.type ?? []);

  /** A schema with the parts of its `allOf` laid over each other, member by member. */
  function merged(schema) {
    if (!schema.allOf) return schema;
    const { allOf, ...own } = schema, whole = { properties: {}, required: [] };
    for (const part of [...allOf.map((one) => merged(deref(one))), own]) {
      for (const [key, value] of Object.entries(part)) {
        if (key === "required") whole.required.push(...value);
        else if (key === "properties") for (const [name, of] of Object.entries(value)) whole.properties[name] = { ...whole.properties[name], ...of };
        else whole[key] = value;
      }
    }
    return whole;
  }

  /** A schema without its `null`, and whether it had one. */
  function bare(raw) {
    const schema = merged(deref(raw)), parts = options(schema);
    if (parts) {
      const kept = parts.filter((part) => deref(part).type !== "null");
      if (kept.length === 1) {
        const { anyOf, oneOf, ...own } = schema;
        return { schema: { ...deref(kept[0]), ...own }, nullable: kept.length < parts.length, name: refName(kept[0]) };
      }
      return { schema, nullable: kept.length < parts.length, name: refName(raw) };
    }
    return { schema, nullable: types(schema).includes("null"), name: refName(raw) };
  }

  const NAMES = {
    "date-time": "date and time", date: "date", time: "time", duration: "duration", uuid: "UUID", email: "email address",
    uri: "URL", "uri-reference": "URL", byte: "base64", password: "secret", decimal: "decimal", binary: "bytes", int64: "whole number", double: "number",
  };

  function kind(raw) {
    const { schema, nullable, name } = bare(raw);
    let said;
    const parts = options(schema)?.filter((part) => deref(part).type !== "null");
    if (parts) said = parts.map(kind).join(" or ");
    else if (schema.const !== undefined) said = JSON.stringify(schema.const);
    else if (schema.enum) said = "one of";
    else if (types(schema).includes("array")) said = !schema.items ? "list" : bare(schema.items).schema.enum ? "list, each one of" : `list of ${kind(schema.items)}`;
    else if (types(schema).includes("object")) said = (name || schema.title) ?? "object";
    else said = NAMES[schema.format] || schema.format || types(schema).filter((type) => type !== "null").join(" or ") || "any value";
    if (said === "string") said = "text";
    return nullable ? `${said} or null` : said;
  }

  const many = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  const counted = (low, high, unit) =>
    low === high && low != null ? `exactly ${many(low, unit)}`
    : low && high != null ? `${low} to ${many(high, unit)}`
    : high != null ? `at most ${many(high, unit)}`
    : low ? `at least ${many(low, unit)}` : null;

  /** The constraints of a schema in words. */
  function rules(raw) {
    const { schema } = bare(raw), said = [];
    said.push(counted(schema.minLength, schema.maxLength, "character"));
    said.push(counted(schema.minItems, schema.maxItems, "item"));
    said.push(counted(schema.minProperties, schema.maxProperties, "member"));
    if (schema.minimum < -9e15 && schema.maximum > 9e15); // 64 bits: nothing that a reader has to know
    else if (schema.minimum != null && schema.maximum != null) said.push(`from ${schema.minimum} to ${schema.maximum}`);
    else if (schema.minimum != null) said.push(`at least ${schema.minimum}`);
    else if (schema.maximum != null) said.push(`at most ${schema.maximum}`);
    if (schema.exclusiveMinimum != null) said.push(`more than ${schema.exclusiveMinimum}`);
    if (schema.exclusiveMaximum != null) said.push(`less than ${schema.exclusiveMaximum}`);
    if (schema.multipleOf != null) said.push(`a multiple of ${schema.multipleOf}`);
    if (schema.uniqueItems) said.push("no item twice");
    if (schema.writeOnly) said.push("never shown again");
    const words = [said.filter(Boolean).join(", ")].filter(Boolean);
    const line = (label, ...values) => words.push(h("span", null, words.length ? " · " : "", label, " ", ...values));
    if (schema.enum) line("", schema.enum.map((value, at) => [at ? ", " : "", h("code", null, JSON.stringify(value))]));
    if (schema.pattern && schema.pattern !== "^[^\\u0000]*$") line("matches", h("code", null, schema.pattern));
    if (schema.default !== undefined) line("default", h("code", null, JSON.stringify(schema.default)));
    return words.length ? h("div.rule", null, ...words) : null;
  }

  /** Docstrings: paragraphs, `code`, fenced blocks. */
  function prose(text, form = ".prose") {
    const box = h(form);
    for (const [at, block] of (text || "").split(/^```.*$/m).entries()) {
      if (at % 2) { box.append(h("pre", null, block.trim())); continue; }
      for (const paragraph of block.split(/\n\s*\n/)) {
        if (paragraph.trim()) box.append(h("p", null, inline(paragraph.trim().replace(/\s*\n\s*/g, " "))));
      }
    }
    return box;
  }

  const inline = (text) => text.split(/`+([^`]+)`+/).map((part, at) => (at % 2 ? h("code", null, part) : part));

  /** What a schema holds inside, or null: members, items, alternatives. */
  function inside(raw, depth, seen) {
    const { schema, name } = bare(raw);
    const again = name && seen.includes(name);
    const path = name ? [...seen, name] : seen;
    const parts = options(schema)?.filter((part) => inside(part, depth, path));
    if (parts?.length) {
      return lazily(again || depth >= OPEN_DEPTH, "alternatives", () =>
        h("ul.fields", null, parts.map((part) => field("", part, false, depth + 1, path))));
    }
    if (schema.properties && Object.keys(schema.properties).length) {
      const must = schema.required || [];
      return lazily(again || depth >= OPEN_DEPTH, again ? `again ${name}` : "members", () =>
        h("ul.fields", null, Object.entries(schema.properties).map(([member, part]) => field(member, part, must.includes(member), depth + 1, path))));
    }
    const items = schema.items && bare(schema.items).schema;
    if (items && (items.properties || items.items || options(items) || items.enum)) return inside(schema.items, depth, path) || rules(schema.items);
    if (schema.items) return rules(schema.items);
    if (schema.additionalProperties && schema.additionalProperties !== true) {
      return h("ul.fields", null, field("any name", schema.additionalProperties, false, depth + 1, path));
    }
    return null;
  }

  function lazily(closed, label, make) {
    if (!closed) return make();
    const details = h("details", null, h("summary", null, label));
    details.addEventListener("toggle", () => details.childElementCount < 2 && details.append(make()));
    return details;
  }

  function field(name, raw, must, depth, seen) {
    const { schema } = bare(raw);
    const head = h("div.head", null, name && h("span.name", null, name), h("span.kind", null, kind(raw)),
      must && h("span.must", null, "required"), schema.deprecated && h("span.kind", null, "deprecated"));
    return h("li", null, head, schema.description && prose(schema.description, ".note.prose"), rules(raw), inside(raw, depth, seen));
  }

  function whole(raw, media, must, known) {
    const said = bare(raw).schema.description;
    return h("div.whole", null, h("div.head", null, h("span.kind", null, `${kind(raw)} as ${media}`), must && h("span.must", null, "required")),
      said && said !== known && prose(said, ".note.prose"), rules(raw), inside(raw, 0, []));
  }

  // ---- samples

  const TEXTS = ["text", "some-name", "A1", "EUR", "2.50", "12", "0", "a", "ada@example.org", "https://example.org/", "2026-01-31"];
  const FORMATS = {
    "date-time": "2026-01-31T12:00:00Z", date: "2026-01-31", time: "12:00:00", duration: "PT1H", byte: "AAEC",
    uuid: "01890a5d-ac96-774b-bcce-b302099a8057", email: "ada@example.org", uri: "https://example.org/", decimal: "2.50",
  };

  function sample(raw, depth = 0) {
    const { schema } = bare(raw);
    if (schema.examples?.length) return schema.examples[0];
    for (const key of ["example", "const", "default"]) if (schema[key] !== undefined && schema[key] !== null) return schema[key];
    if (schema.enum) return schema.enum[0];
    const parts = options(schema)?.filter((part) => deref(part).type !== "null");
    if (parts?.length) return sample(parts[0], depth + 1);
    const type = types(schema)[0];
    if (type === "object") {
      const made = {}, must = schema.required || [];
      for (const [name, part] of Object.entries(schema.properties || {})) {
        if (must.includes(name) || (depth < 3 && !bare(part).nullable && bare(part).schema.default === undefined)) made[name] = sample(part, depth + 1);
      }
      return made;
    }
    if (type === "array") return schema.minItems || depth < 4 ? [sample(schema.items || {}, depth + 1)] : [];
    if (type === "integer" || type === "number") {
      const low = schema.minimum ?? (schema.exclusiveMinimum != null ? schema.exclusiveMinimum + 1 : null);
      const high = schema.maximum ?? (schema.exclusiveMaximum != null ? schema.exclusiveMaximum - 1 : null);
      return low ?? (high != null && high < 1 ? high : 1);
    }
    if (type === "boolean") return true;
    if (type === "null") return null;
    if (FORMATS[schema.format]) return FORMATS[schema.format];
    return [...TEXTS, written(schema.pattern || ""), "x".repeat(Math.min(schema.minLength || 1, 64))].find((text) => fits(text, schema)) ?? "";
  }

  /** The shortest text of the first alternatives of a regular expression; `fits` decides whether it is one. */
  function written(pattern) {
    let at = 0;
    const take = (form) => { const found = form.exec(pattern.slice(at)); at += found ? found[0].length : 0; return found; };
    const atom = () => {
      if (take(/^\((\?:|\?<\w+>)?/)) { const text = either(); take(/^\)/); return text; }
      const many = take(/^\[(\^?)(\\?.)(?:\\.|[^\]\\])*\]/);
      if (many) return many[1] ? "a" : single(many[2]);
      if (take(/^[$^]/)) return "";
      return single(take(/^(?:\\.|.)/s)?.[0] ?? "");
    };
    const single = (text) => ({ "\\d": "0", "\\w": "a", "\\s": " ", ".": "a" })[text] ?? text.replace("\\", "");
    const either = () => {
      const parts = [""];
      while (at < pattern.length && pattern[at] !== ")") {
        if (take(/^\|/)) { parts.push(""); continue; }
        const text = atom(), times = take(/^(?:([?*])|(\+)|\{(\d+)(?:,\d*)?\})\??/);
        parts[parts.length - 1] += text.repeat(!times ? 1 : times[1] ? 0 : times[2] ? 1 : Math.min(+times[3], 99));
      }
      return parts[0];
    };
    return either();
  }

  function fits(text, schema) {
    if (text.length < (schema.minLength || 0) || text.length > (schema.maxLength ?? Infinity)) return false;
    try { return !schema.pattern || new RegExp(schema.pattern, "u").test(text); } catch { return true; }
  }

  // ---- the side: search and list

  function indexed() {
    operations = [];
    for (const [path, item] of Object.entries(spec.paths || {})) {
      for (const method of METHODS) {
        const own = item[method];
        if (!own) continue;
        const id = own.operationId || `${method}-${path}`;
        const parameters = [...(item.parameters || []), ...(own.parameters || [])].map(deref);
        const text = [method, path, id, own.summary, own.description, ...(own.tags || [])].join(" ").toLowerCase();
        operations.push({ ...own, id, path, method: method.toUpperCase(), parameters, text, tag: own.tags?.[0] || "other" });
      }
    }
  }

  function grouped(some) {
    const groups = new Map();
    for (const operation of some) groups.set(operation.tag, [...(groups.get(operation.tag) || []), operation]);
    return [...groups];
  }

  const titled = (operation) => operation.summary || operation.id;
  const item = (operation, ...more) =>
    h("a.item", { href: `#/${encodeURIComponent(operation.id)}`, title: `${operation.method} ${operation.path}` },
      h(`span.verb.${operation.method}`, null, operation.method === "DELETE" ? "DEL" : operation.method), h("span", null, titled(operation)), ...more);

  function listed() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const some = operations.filter((operation) => words.every((word) => operation.text.includes(word)));
    $("list").replaceChildren(...grouped(some).map(([tag, own]) => h("section", null, h("h2", null, tag), h("ul", null, own.map((one) => h("li", null, item(one)))))));
    if (!some.length) $("list").append(h("p.muted.note", null, "Nothing matches."));
    $("found").textContent = words.length ? `${some.length} found` : "";
    marked();
  }

  function marked() {
    for (const link of $("list").querySelectorAll("a")) {
      if (link.hash === location.hash) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  // ---- one operation

  function pathShown(path) {
    return h("span.path", null, path.split(/(\{[^}]+\})/).map((part, at) => (at % 2 ? h("b", null, part) : part)));
  }

  const PLACES = { path: "Path", query: "Query", header: "Headers", cookie: "Cookies" };

  function documented(operation) {
    const box = h("div");
    for (const [where, title] of Object.entries(PLACES)) {
      const some = operation.parameters.filter((parameter) => parameter.in === where);
      if (!some.length) continue;
      box.append(h("h2", null, title), h("ul.fields", null, some.map((parameter) => {
        const row = field(parameter.name, parameter.schema || {}, parameter.required, 1, []);
        if (parameter.description) row.children[0].after(prose(parameter.description, ".note.prose"));
        return row;
      })));
    }
    const body = deref(operation.requestBody);
    for (const [media, { schema }] of Object.entries(body.content || {})) {
      box.append(h("h2", null, "Body"), whole(schema || {}, media, body.required, operation.description));
    }
    box.append(h("h2", null, "Answers"));
    for (const [status, raw] of Object.entries(operation.responses || {})) box.append(answer(status, deref(raw)));
    return box;
  }

  function answer(status, response) {
    const details = h("details.answer", { open: status[0] === "2" },
      h("summary", null, h(`span.status.s${status[0]}`, null, status), h("span", null, inline((response.description || "").replace(/\n\n/g, " · ")))));
    const fill = () => {
      if (details.childElementCount > 1) return;
      const headers = Object.entries(response.headers || {});
      details.append(h("div.sent", null,
        headers.length && h("ul.fields", null, headers.map(([name, raw]) => {
          const header = deref(raw);
          return field(name, { description: header.description, ...header.schema }, header.required, 1, []);
        })),
        Object.entries(response.content || {}).map(([media, { schema }]) => whole(schema || {}, media)),
        !response.content && h("p.rule", null, "no body")));
    };
    details.addEventListener("toggle", fill);
    if (details.open) fill();
    return details;
  }

  // ---- trying it

  function control(parameter) {
    const { schema } = bare(parameter.schema || {});
    const items = types(schema).includes("array") ? bare(schema.items || {}).schema : null;
    const common = { "data-in": parameter.in, "data-name": parameter.name, required: parameter.required };
    const choices = items ? null : schema.enum || (types(schema).includes("boolean") ? [true, false] : null);
    if (choices) return h("select", common, h("option", { value: "" }, "—"), choices.map((value) => h("option", { value }, String(value))));
    const hint = parameter.example ?? (schema.default != null && !items ? schema.default : sample(items || schema));
    if (items) return h("textarea", { ...common, rows: 2, "data-list": true, placeholder: "one value on each line" });
    const secret = schema.format === "password";
    return h("input", { ...common, type: secret ? "password" : "text", autocomplete: "off", spellcheck: "false", placeholder: hint,
      inputmode: types(schema).includes("integer") ? "numeric" : types(schema).includes("number") ? "decimal" : null });
  }

  function labelled(name, element, note) {
    return h("label", null, h("span", null, h("span.name", null, name), note && h("span.kind", null, note)), element);
  }

  function trial(operation) {
    const body = deref(operation.requestBody);
    const media = Object.keys(body.content || {})[0];
    const controls = operation.parameters.map((parameter) => [parameter, control(parameter)]);
    const text = media && h("textarea", { rows: 9, spellcheck: "false", autocomplete: "off", "aria-label": "Body", "aria-keyshortcuts": "Control+Enter" });
    if (text) {
      text.value = JSON.stringify(sample(body.content[media].schema || {}), null, 2);
      text.rows = Math.min(18, Math.max(4, text.value.split("\n").length + 1));
    }
    const fault = h("p.fault", { role: "status" });
    const extra = h("textarea", { rows: 2, spellcheck: "false", placeholder: "Authorization: Bearer …", autocomplete: "off" });
    extra.value = kept.headers;
    const curl = h("pre", { tabindex: 0, "aria-label": "curl command" });
    const reply = h("div.reply", { "aria-live": "polite" });
    const send = h("button.send", { type: "submit" }, "Send");
    const show = () => {
      kept.headers = extra.value;
      fault.textContent = text && media.includes("json") ? broken(text.value) : "";
      curl.textContent = shell(request(operation, controls, text, media, extra));
    };
    const form = h("form.try", { "aria-label": "Try it", input: show, change: show,
      submit: (event) => { event.preventDefault(); go(request(operation, controls, text, media, extra), send, reply); },
      keydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); } },
    },
      h("h2", null, "Try it"),
      controls.map(([parameter, element]) => labelled(parameter.name, element, [parameter.in, parameter.required ? ", required" : ""])),
      text && labelled("body", text, media), fault,
      h("details", { open: !!kept.headers }, h("summary", null, "More headers"), labelled("headers", extra, "Name: value, one on each line")),
      h("div.row", null, send, h("span.kind", null, "Ctrl + Enter")),
      h("div.box", null, curl, copier(() => curl.textContent)), reply);
    show();
    return form;
  }

  const kept = { headers: "" };

  function broken(text) {
    if (!text.trim()) return "";
    try { JSON.parse(text); return ""; } catch (error) { return `This is not JSON: ${error.message}`; }
  }

  function request(operation, controls, text, media, extra) {
    let path = operation.path;
    const query = [], headers = [], cookies = [];
    for (const [parameter, element] of controls) {
      const given = element.value;
      const values = element.dataset.list !== undefined ? given.split("\n").map((line) => line.trim()).filter(Boolean) : given === "" ? [] : [given];
      if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, given ? encodeURIComponent(given) : `{${parameter.name}}`);
      if (!values.length) continue;
      if (parameter.in === "query") for (const value of values) query.push(`${encodeURIComponent(parameter.name)}=${encodeURIComponent(value)}`);
      if (parameter.in === "header") headers.push([parameter.name, values.join(", ")]);
      if (parameter.in === "cookie") cookies.push([parameter.name, values[0]]);
    }
    for (const line of extra.value.split("\n")) {
      const at = line.indexOf(":");
      if (at > 0) headers.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
    }
    const body = text && text.value.trim() ? text.value : undefined;
    if (body !== undefined) headers.unshift(["Content-Type", media]);
    return { method: operation.method, url: root + path + (query.length ? `?${query.join("&")}` : ""), headers, cookies, body };
  }

  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

  function shell({ method, url, headers, cookies, body }) {
    const lines = [`curl -i${method === "GET" ? "" : ` -X ${method}`} ${quoted(url)}`];
    for (const [name, value] of headers) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
    if (cookies.length) lines.push(`-b ${quoted(cookies.map(([name, value]) => `${name}=${value}`).join("; "))}`);
    if (body !== undefined) lines.push(`--data-binary ${quoted(body)}`);
    return lines.join(" \\\n  ");
  }

  async function go({ method, url, headers, cookies, body }, send, reply) {
    send.disabled = true;
    // A page cannot send a Cookie header of its own; the browser's jar does, for this path only while we ask.
    const jar = (value) => { for (const [name, given] of cookies) document.cookie = `${name}=${value ?? given}; path=/; SameSite=Strict${value === undefined ? "" : "; max-age=0"}`; };
    const started = performance.now();
    try {
      jar();
      const answered = await fetch(url, { method, headers, body, credentials: "same-origin", redirect: "manual", cache: "no-store" });
      const text = await answered.text();
      reply.replaceChildren(...replied(answered, text, Math.round(performance.now() - started)));
    } catch (error) {
      reply.replaceChildren(h("p.fault", null, `No answer: ${error.message}`));
    } finally {
      jar("");
      send.disabled = false;
      reply.scrollIntoView({ block: "nearest" });
    }
  }

  function replied(answered, text, took) {
    const json = /\bjson\b/.test(answered.headers.get("content-type") || "");
    let shown = text;
    // Indented only where that changes nothing else: numbers beyond a double stay as they came.
    if (json) try { const read = JSON.parse(text); if (JSON.stringify(read) === text) shown = JSON.stringify(read, null, 2); } catch { /* as it came */ }
    const body = h("pre", { tabindex: 0, "aria-label": "Body of the answer" });
    if (json && shown.length <= COLORED_MAX) body.append(...colored(shown)); else body.textContent = shown;
    return [
      h("div.row", null, h(`span.status.s${String(answered.status)[0]}`, null, `${answered.status || "redirect"} ${answered.statusText}`),
        h("span.kind", null, `${took} ms · ${new TextEncoder().encode(text).length} bytes`)),
      h("dl", null, [...answered.headers].map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
      text && h("div.box", null, body, copier(() => shown)),
    ].filter(Boolean);
  }

  function colored(json) {
    const parts = [];
    let end = 0;
    for (const found of json.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g)) {
      parts.push(json.slice(end, found.index));
      const form = found[1] ? (found[2] ? "k" : "s") : /^[tfn]/.test(found[0]) ? "w" : "n";
      parts.push(h(`span.${form}`, null, found[1] || found[0]), found[2] || "");
      end = found.index + found[0].length;
    }
    return [...parts, json.slice(end)];
  }

  function copier(text) {
    const button = h("button.quiet", { type: "button", click: async () => {
      try { await navigator.clipboard.writeText(text()); button.textContent = "Copied"; } catch { button.textContent = "Not allowed"; }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    } }, "Copy");
    return button;
  }

  // ---- pages

  function start() {
    const info = spec.info || {};
    return [
      h("div.lead", null, h("h1", null, info.title), h("p.facts.muted", null, `Version ${info.version} · OpenAPI ${spec.openapi} · `, h("a", { href: root + place }, "the document")), prose(info.description)),
      h("div.index", null, grouped(operations).map(([tag, own]) => h("section", null, h("h2", null, tag),
        h("ul", null, own.map((one) => h("li", null, item(one, h("code", null, one.path)))))))),
      h("p.keys.muted", null, h("kbd", null, "/"), " finds an operation, ", h("kbd", null, "↓"), " ", h("kbd", null, "↑"), " walk the list, ", h("kbd", null, "Ctrl + Enter"), " sends."),
    ];
  }

  function shown() {
    const id = location.hash.startsWith("#/") ? decodeURIComponent(location.hash.slice(2)) : "";
    const operation = operations.find((one) => one.id === id);
    document.title = operation ? `${titled(operation)} · ${spec.info.title}` : spec.info.title;
    if (operation) {
      $("main").replaceChildren(h("article.operation", null,
        h("div.lead", null, h("h1", null, titled(operation)),
          h("div.place", null, h(`span.badge.${operation.method}`, null, operation.method), pathShown(operation.path)), prose(operation.description)),
        documented(operation), trial(operation)));
    } else $("main").replaceChildren(...start());
    marked();
    $("side").classList.remove("open");
    $("menu").setAttribute("aria-expanded", "false");
  }

  function keys(event) {
    const links = [...$("list").querySelectorAll("a")];
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "/" && !typing) { event.preventDefault(); $("side").classList.add("open"); $("search").focus(); }
    const at = links.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && (at >= 0 || event.target === $("search"))) {
      event.preventDefault();
      (at + step < 0 ? $("search") : links[Math.min(at + step, links.length - 1)])?.focus();
    }
    if (event.key === "Enter" && event.target === $("search") && links[0]) links[0].click();
    if (event.key === "Escape" && event.target === $("search")) { $("search").value = ""; listed(); }
  }

  function themed() {
    let dark = matchMedia("(prefers-color-scheme: dark)").matches;
    try { dark = (localStorage.getItem("docs-theme") ?? (dark ? "dark" : "light")) === "dark"; } catch { /* no store */ }
    document.documentElement.classList.toggle("dark", dark);
    $("theme").addEventListener("click", () => {
      dark = document.documentElement.classList.toggle("dark");
      try { localStorage.setItem("docs-theme", dark ? "dark" : "light"); } catch { /* no store */ }
    });
  }

  async function begin() {
    themed();
    try {
      const answered = await fetch(root + place, { headers: { Accept: "application/json" } });
      if (!answered.ok) throw new Error(`${place} answered with ${answered.status}`);
      spec = await answered.json();
    } catch (error) {
      $("main").replaceChildren(h("h1", null, "The document can't be read"), h("p.fault", { role: "alert" }, String(error.message)));
      return;
    }
    indexed();
    $("version").textContent = spec.info.version;
    listed();
    shown();
    $("search").addEventListener("input", listed);
    $("menu").addEventListener("click", () => $("menu").setAttribute("aria-expanded", String($("side").classList.toggle("open"))));
    document.addEventListener("keydown", keys);
    addEventListener("hashchange", () => { if (!location.hash || location.hash.startsWith("#/")) { shown(); scrollTo(0, 0); $("main").focus({ preventScroll: true }); } });
  }

  begin();
})();
