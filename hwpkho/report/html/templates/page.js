"use strict";
// Adds sorting, filtering and zooming. The page is complete without them.
(() => {
  const FEW = 8;

  function key(cell) {
    const text = (cell.dataset.sort ?? cell.textContent).trim();
    const number = /^(0x[0-9a-f]+|[0-9]+)(\.[0-9]+)?/i.exec(text);
    if (!number) return text.toLowerCase();
    return number[2] ? Number(number[0]) : BigInt(number[1]);
  }

  function compare(a, b) {
    const words = (typeof a === "string") - (typeof b === "string");
    return words || (a < b ? -1 : a > b ? 1 : 0);
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
        rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }

  function filterable(table) {
    const rows = [...table.tBodies[0].rows];
    const bar = document.createElement("div");
    bar.className = "filter";
    const label = document.createElement("label");
    label.textContent = "Filter rows ";
    const input = document.createElement("input");
    input.type = "search";
    label.append(input);
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    bar.append(label, said);
    table.closest(".scroll").before(bar);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        shown += !row.hidden;
      });
      said.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
  }

  function zoomable(figure) {
    const svg = figure.querySelector("svg");
    const bar = document.createElement("div");
    bar.className = "zoom";
    let scale = 1;
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    const set = (wanted) => {
      scale = Math.min(16, Math.max(1, wanted));
      svg.style.width = `${scale * 100}%`;
      said.textContent = `${scale * 100} %`;
    };
    for (const [text, name, change] of [
      ["−", "Smaller", () => scale / 2], ["+", "Larger", () => scale * 2],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.setAttribute("aria-label", name);
      button.addEventListener("click", () => set(change()));
      bar.append(button);
    }
    bar.append(said);
    set(1);
    figure.prepend(bar);
  }

  // A link into a folded part opens it.
  function reveal() {
    let place = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    for (const target = place; place; place = place.parentElement) {
      if (place instanceof HTMLDetailsElement && !place.open) {
        place.open = true;
        target.scrollIntoView();
      }
    }
  }

  for (const table of document.querySelectorAll("table.data")) {
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) sortable(table);
    if (rows > FEW) filterable(table);
  }
  document.querySelectorAll("figure[data-zoom]").forEach(zoomable);
  addEventListener("hashchange", reveal);
  reveal();
})();
