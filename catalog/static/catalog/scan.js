// A field to scan into: Enter, which scanners send after each code, goes on to the next field
// instead of sending a form that is not filled in yet; a name that is typed finds SKUs.
"use strict";

(() => {
  const WAIT_MS = 250;

  const fieldAfter = (input) => {
    const fields = [...input.form.elements].filter(
      (field) => field.offsetParent !== null && !field.disabled && field.type !== "hidden",
    );
    const next = fields[fields.indexOf(input) + 1];
    return next?.matches("input, select, textarea") ? next : undefined;
  };

  const offer = async (input, list) => {
    const url = new URL(input.dataset.suggestUrl, window.location.href);
    url.searchParams.set("q", input.value);
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { results } = await answer.json();
    list.replaceChildren(
      ...results.map(({ sku, name }) => {
        const option = document.createElement("option");
        option.value = sku;
        option.label = name;
        return option;
      }),
    );
  };

  const prepare = (input) => {
    const list = document.createElement("datalist");
    list.id = `${input.id}_suggestions`;
    input.after(list);
    input.setAttribute("list", list.id);

    let waiting;
    input.addEventListener("input", () => {
      window.clearTimeout(waiting);
      waiting = window.setTimeout(() => offer(input, list).catch(() => {}), WAIT_MS);
    });
    input.addEventListener("keydown", (event) => {
      const next = event.key === "Enter" ? fieldAfter(input) : undefined;
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("input[data-suggest-url]").forEach(prepare);
  });
})();
