// What went wrong, in a line at the top of the page, until it is right again.

import { button, element } from "./dom.js";

/** Say something; `about` names the matter, of which only the last line stands. */
export function tell(about, sentence, { once = false } = {}) {
  const place = document.getElementById("messages");
  const old = lineOf(about);
  if (old?.dataset.sentence === sentence) return;
  const line = element(
    "p",
    { class: once ? "message told" : "message", data: { about, sentence } },
    element("span", {}, sentence),
    button("×", () => line.remove(), { "aria-label": "Close this message" }),
  );
  if (old) old.replaceWith(line);
  else place.append(line);
}

/** Take back what was said about a matter. */
export function settle(about) {
  lineOf(about)?.remove();
}

function lineOf(about) {
  return [...document.querySelectorAll("#messages .message")].find((line) => line.dataset.about === about);
}
