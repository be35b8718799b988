"use strict";
// The slide table: sort by a click on a column's head, search, pages, and heatmaps on a click on a picture.
(() => {
  const table = document.getElementById("slides"), body = table.tBodies[0], rows = [...body.rows];
  const byId = (id) => document.getElementById(id);
  const pageSize = 50;
  let page = 0, shown = rows;

  const value = (row, column) => row.cells[column].textContent.trim();
  const collator = new Intl.Collator("en", { numeric: true });

  function show() {
    const pages = Math.max(1, Math.ceil(shown.length / pageSize));
    page = Math.min(page, pages - 1);
    const visible = new Set(shown.slice(page * pageSize, (page + 1) * pageSize)), found = new Set(shown);
    for (const row of rows) {
      row.hidden = !found.has(row);
      row.classList.toggle("other-page", found.has(row) && !visible.has(row));
    }
    byId("found").textContent = `${shown.length} of ${rows.length} slides`;
    byId("page").textContent = `page ${page + 1} of ${pages}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
  }

  function filter() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const onlyWrong = byId("only-wrong").checked;
    shown = [...body.rows].filter((row) => {
      const text = row.textContent.toLowerCase();
      return words.every((word) => text.includes(word)) && (!onlyWrong || row.classList.contains("wrong"));
    });
    page = 0;
    show();
  }

  function sort(column, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const isNumber = head.classList.contains("number");
    const key = (row) => isNumber ? parseFloat(value(row, column).replaceAll(",", "")) : value(row, column);
    const order = (a, b) => {
      if (!isNumber) return collator.compare(a.key, b.key);
      if (Number.isNaN(a.key) || Number.isNaN(b.key)) return Number.isNaN(a.key) - Number.isNaN(b.key);
      return a.key - b.key;
    };
    const keyed = [...body.rows].map((row) => ({ row, key: key(row) })).sort(order);
    const last = keyed.filter(({ key }) => isNumber && Number.isNaN(key));  // what has no number stays below
    const first = keyed.filter((entry) => !last.includes(entry));
    if (down) first.reverse();
    body.append(...[...first, ...last].map(({ row }) => row));
    filter();
  }

  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column, head));
    head.append(button);
  });
  body.addEventListener("click", (event) => {
    const picture = event.target.closest("button.picture");
    if (!picture) return;
    const row = picture.closest("tr");
    byId("viewer-title").textContent = value(row, 1);
    byId("viewer-picture").src = row.dataset.heatmap;
    byId("viewer-picture").alt = `Slide ${value(row, 1)} and its heatmaps`;
    byId("viewer").showModal();
  });
  byId("viewer").addEventListener("click", (event) => { if (event.target === byId("viewer")) byId("viewer").close(); });
  byId("search").addEventListener("input", filter);
  byId("only-wrong").addEventListener("change", filter);
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => { page -= 1; show(); });
  byId("next").addEventListener("click", () => { page += 1; show(); });
  byId("tools").hidden = false;
  show();
})();
