// Shows the OpenAPI description of the server.

/**
 * @param {string} tag
 * @param {(string | Node)[]} content
 */
function make(tag, ...content) {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}

/**
 * @param {any} root the whole description
 * @param {any} schema
 * @returns {any}
 */
function resolve(root, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? root.components.schemas[name] : schema;
}

/**
 * Say in short what a value is.
 * @param {any} root
 * @param {any} schema
 * @returns {string}
 */
function kind(root, schema) {
  const resolved = resolve(root, schema) ?? {};
  const parts = resolved.anyOf ?? resolved.oneOf;
  if (parts) return parts.map((/** @type {any} */ p) => kind(root, p)).filter((/** @type {string} */ k) => k !== "null").join(" or ");
  if (resolved.enum) return resolved.enum.join(" | ");
  if (resolved.contentMediaType || resolved.format === "binary") return "file";
  if (resolved.type === "array") return `list of ${kind(root, resolved.items ?? {})}`;
  return resolved.title && resolved.type === "object" ? resolved.title : resolved.type ?? "anything";
}

/**
 * @param {any} root
 * @param {any} operation
 */
function fields(root, operation) {
  const rows = (operation.parameters ?? []).map((/** @type {any} */ p) => [p.name, p.schema, p.required, p.description]);
  const content = operation.requestBody?.content ?? {};
  for (const body of Object.values(content)) {
    const schema = resolve(root, body.schema);
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      rows.push([name, part, schema.required?.includes(name), part.description]);
    }
  }
  return rows;
}

/**
 * @param {any} root
 * @param {string} method
 * @param {string} path
 * @param {any} operation
 */
function article(root, method, path, operation) {
  const title = make("h2", make("b", method.toUpperCase()), path);
  const box = make("article", title, make("p", operation.description ?? ""));
  const rows = fields(root, operation);
  if (!rows.length) return box;
  const table = make("table", make("tr", make("th", "Field"), make("th", "Kind"), make("th", "About")));
  for (const [name, schema, required, about] of rows) {
    const start = schema.default !== undefined && schema.default !== null ? `default ${JSON.stringify(schema.default)}` : "";
    const text = [required ? "required" : start, about ?? ""].filter(Boolean).join("; ");
    table.append(make("tr", make("td", make("code", name)), make("td", kind(root, schema)), make("td", text)));
  }
  box.append(table);
  return box;
}

async function main() {
  const root = await (await fetch("/api/openapi.json")).json();
  document.getElementById("about")?.append(`${root.info.title} ${root.info.version}: ${root.info.description}`);
  for (const [path, methods] of Object.entries(root.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      document.getElementById("paths")?.append(article(root, method, path, operation));
    }
  }
}

main();
