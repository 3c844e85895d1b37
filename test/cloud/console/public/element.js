/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, unknown>} [properties] of the element; `class` and those with a dash are attributes
 * @param {...(Node | string)} children
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class' || name === 'role' || name.includes('-')) element.setAttribute(name, String(value));
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/**
 * Sets an element's text where it differs, so that a screen reader hears changes only.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} at epoch milliseconds */
export function clockTime(at) {
  return new Date(at).toTimeString().slice(0, 8);
}
