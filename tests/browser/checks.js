// What tests ask a page that is open. Each function returns a list of what is wrong, in words.
(() => {
  // A box smaller than this, or an overlap of so little, is rounding (CSS pixels).
  const LITTLE = 1.5;

  const name = (el) => {
    const id = el.id ? `#${el.id}` : "";
    const cls = typeof el.className === "string" && el.className ? `.${el.className.trim().replace(/\s+/g, ".")}` : "";
    return `<${el.localName}${id}${cls}>`;
  };

  const visible = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  // What of a box can be seen: an ancestor that scrolls or clips cuts it.
  const cut = (box, el) => {
    let { left, top, right, bottom } = box;
    for (let up = el; up && up !== document.body && up !== document.documentElement; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      if (style.display === "inline") continue;
      const edge = up.getBoundingClientRect();
      left = Math.max(left, edge.left);
      right = Math.min(right, edge.right);
      top = Math.max(top, edge.top);
      bottom = Math.min(bottom, edge.bottom);
    }
    return { left, top, right, bottom };
  };

  // The visible texts of a page and where they stand, one box a line of text.
  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const el = node.parentElement;
      if (!node.data.trim() || ["SCRIPT", "STYLE", "TITLE", "DESC"].includes(el.tagName.toUpperCase())) continue;
      if (!visible(el)) continue;
      if (el.closest("[data-offscreen], .visually-hidden")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) {
        const box = cut(rect, el);
        if (box.right - box.left < LITTLE || box.bottom - box.top < LITTLE) continue;
        found.push({ el, text: node.data.trim().slice(0, 40), ...box });
      }
    }
    return found;
  };

  const overflow = () => {
    const root = document.documentElement;
    const width = root.clientWidth;
    if (root.scrollWidth <= width) return [];
    const wide = [...document.body.querySelectorAll("*")]
      .filter((el) => visible(el) && cut(el.getBoundingClientRect(), el).right > width + LITTLE)
      .slice(-3)
      .map(name);
    return [`${root.scrollWidth} pixels on a screen of ${width}: ${wide.join(", ")}`];
  };

  // Two lines of text on one another. Inline neighbours of one line never are: both are cut by
  // the line's own boxes. Taller than its letters is a line's box: half of it may be covered.
  const overlaps = () => {
    const boxes = texts().sort((a, b) => a.top - b.top);
    const found = [];
    boxes.forEach((a, i) => {
      for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j += 1) {
        const b = boxes[j];
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        const lower = Math.min(a.bottom - a.top, b.bottom - b.top);
        if (x > LITTLE && y > lower / 3) {
          found.push(`"${a.text}" ${name(a.el)} and "${b.text}" ${name(b.el)} by ${x.toFixed(0)}x${y.toFixed(0)}`);
        }
      }
    });
    return found.slice(0, 5);
  };

  // Text that its own box hides: nobody can scroll to it.
  const hidden = () =>
    [...document.body.querySelectorAll("*")]
      .filter((el) => visible(el) && !(el instanceof SVGElement))
      .filter((el) => !el.closest("[data-offscreen], .visually-hidden"))
      .filter((el) => ["hidden", "clip"].includes(getComputedStyle(el).overflowX) && el.scrollWidth > el.clientWidth + LITTLE)
      .map((el) => `${name(el)} hides ${el.scrollWidth - el.clientWidth} pixels of its text`)
      .slice(0, 5);

  // What loads or runs something, beyond the page's own style and script.
  const active = () => {
    const found = [...document.querySelectorAll("img, iframe, frame, object, embed, link:not([href='data:,']), base, form[action], audio, video, source, image, foreignObject, meta[http-equiv=refresh]")].map(name);
    if (document.scripts.length > 1) found.push(`${document.scripts.length} scripts`);
    for (const el of document.querySelectorAll("*")) {
      for (const { name: key, value } of el.attributes) {
        if (key.startsWith("on")) found.push(`${name(el)} has ${key}`);
        if (["href", "src", "xlink:href", "action", "formaction"].includes(key) && !/^#|^data:,$|^https:\/\/|^[\w./%-]+\.html(#.*)?$/.test(value)) found.push(`${name(el)} has ${key}=${value}`);
      }
    }
    return found;
  };

  // Controls that can be seen, and what stands in the order of the Tab key.
  const CONTROLS = "button, input, select, textarea, [tabindex], a[href], summary";
  const controls = () => [...document.querySelectorAll(CONTROLS)].filter((el) => visible(el) && !el.disabled && el.tabIndex >= 0);

  window.checks = { overflow, overlaps, hidden, active, controls: () => controls().map(name), dead: () => controls().filter((el) => ["button", "input", "select", "textarea"].includes(el.localName)).map(name) };
})();
