// A field to scan into: Enter, which scanners send after each code, goes on to the next field that
// must still be filled in, and sends the form when there is none; a name that is typed finds SKUs.
"use strict";

(() => {
  const WAIT_MS = 250;

  const gapAfter = (input) => {
    const fields = [...input.form.elements];
    return fields
      .slice(fields.indexOf(input) + 1)
      .find((field) => field.required && !field.value && field.offsetParent !== null);
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
      const next = event.key === "Enter" ? gapAfter(input) : undefined;
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    const inputs = [...document.querySelectorAll("input[data-suggest-url]")];
    inputs.forEach(prepare);
    // Browsers leave `autofocus` alone once anything else had the focus, however short. A code that
    // was refused is selected, so that the next scan replaces it.
    const first = inputs.find((input) => input.autofocus);
    first?.focus();
    first?.select();
  });
})();
