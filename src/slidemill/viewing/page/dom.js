// Elements made from data. Text becomes text and never markup: names come from slide sheets.

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {object} properties "class", "data" (an object), "on..." (listeners), attributes; null and false are left out.
 * @param {...(Node|string|number|null|false)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...nodes(children));
  return made;
}

/** Put other children in the place of an element's. */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
}

/** A choice of `[value, text]` pairs with a label. */
export function choice(label, options, value, onchange, properties = {}) {
  const select = element("select", { ...properties, onchange: () => onchange(select.value) });
  setOptions(select, options, value);
  return element("label", { class: "field" }, element("span", {}, label), select);
}

/** Give a select its options; it keeps what was chosen where that is still there. */
export function setOptions(select, options, value) {
  const wanted = options.map(([key, text]) => `${key}\n${text}`).join("\n\n");
  if (select.dataset.options !== wanted) {
    fill(select, options.map(([key, text]) => element("option", { value: key }, text)));
    select.dataset.options = wanted;
  }
  select.value = value;
}

/** A button with a text, or with a sign and a name. */
export function button(text, onclick, properties = {}) {
  return element("button", { type: "button", onclick, ...properties }, text);
}

function nodes(children) {
  const there = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return there.map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
