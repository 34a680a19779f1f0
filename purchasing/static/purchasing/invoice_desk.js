// The keys of the invoice desk. Every act is a form that works without them: a key only chooses,
// opens or moves, and what is chosen is done by Enter in the form, or its button.
"use strict";

(() => {
  const isTyping = (element) =>
    element?.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");

  const follow = (selector) => document.querySelector(selector)?.click();

  // The queue: up and down its rows; Enter on a link is the browser's.

  const prepareQueue = (table) => {
    const links = [...table.querySelectorAll("[data-queue-row] a")];
    const move = (step) => {
      const here = links.indexOf(document.activeElement);
      links.at(Math.min(Math.max(here + step, 0), links.length - 1))?.focus();
    };
    return { j: () => move(1), k: () => move(-1) };
  };

  // The page of a bill.

  const markOnPaper = (desk, position) => {
    const frame = desk.querySelector("iframe[data-paper]");
    if (frame) {
      const paper = frame.dataset.paper;
      // Only the page of ours knows lines; a PDF in the browser's viewer is left where it is.
      if (paper) frame.contentWindow.location.hash = `${paper}-line-${position}`;
      return;
    }
    desk.querySelectorAll(".paper-here").forEach((row) => row.classList.remove("paper-here"));
    const row = desk.querySelector(`[id$="-line-${position}"]`);
    row?.classList.add("paper-here");
    row?.scrollIntoView({ block: "nearest" });
  };

  const prepareDesk = (desk) => {
    const stops = [...desk.querySelectorAll("[data-stop]")];
    const help = desk.querySelector("dialog");
    let here = -1;

    const stopAt = (index) => {
      stops[here]?.classList.remove("idesk-current");
      here = index;
      const stop = stops[here];
      if (!stop) return;
      stop.classList.add("idesk-current");
      stop.focus({ preventScroll: true });
      stop.scrollIntoView({ block: "center" });
      const position = stop.dataset.position;
      if (position) markOnPaper(desk, position);
    };
    const move = (step) => {
      if (stops.length) stopAt((here + step + stops.length) % stops.length);
    };
    const choose = (key) => {
      if (here < 0) move(1);
      const choice = stops[here]?.querySelector(`input[data-key="${key}"]:not(:disabled)`);
      if (!choice) return;
      choice.checked = true;
      choice.form.elements.reason.focus();
    };
    const open = (details) => {
      if (!details) return;
      details.open = true;
      details.scrollIntoView({ block: "nearest" });
      const first = [...details.querySelectorAll("form input, form select, form button")].find(
        (element) => element.type !== "hidden" && element.offsetParent !== null,
      );
      first?.focus();
    };
    const showHelp = () => help.showModal();
    const button = desk.querySelector("[data-help]");
    button.hidden = false;
    button.addEventListener("click", showHelp);

    const wanted = stops.findIndex((stop) => `#${stop.id}` === window.location.hash);
    const refused = stops.findIndex((stop) => stop.querySelector("input:checked"));
    if (wanted >= 0 || refused >= 0) stopAt(Math.max(wanted, refused));

    // A click into a difference is as good as going there.
    stops.forEach((stop, index) =>
      stop.addEventListener("focusin", () => {
        if (here !== index) {
          stops[here]?.classList.remove("idesk-current");
          here = index;
          stop.classList.add("idesk-current");
        }
      }),
    );

    const keys = {
      j: () => move(1),
      k: () => move(-1),
      n: () => follow("[data-go=n]"),
      b: () => follow("[data-go=b]"),
      q: () => follow("[data-go=q]"),
      l: () => {
        const near = stops[here]?.closest("tbody")?.querySelector("[data-assign]");
        open(near ?? desk.querySelector("[data-assign]"));
      },
      "?": showHelp,
    };
    desk.querySelectorAll("[data-key]").forEach((input) => {
      const { key } = input.dataset;
      if (key) keys[key] = () => choose(key);
    });
    desk.querySelectorAll("details[data-act]").forEach((details) => {
      keys[details.dataset.act] = () => open(details);
    });
    return keys;
  };

  // A form is sent once, however often its button is pressed.
  const sendOnce = (form) =>
    form.addEventListener("submit", (event) => {
      if (form.dataset.isSent) event.preventDefault();
      form.dataset.isSent = "1";
    });

  document.addEventListener("DOMContentLoaded", () => {
    const desk = document.querySelector("[data-invoice-desk]");
    const table = document.querySelector(".queue-table");
    const keys = desk ? prepareDesk(desk) : table ? prepareQueue(table) : {};
    document.querySelectorAll("[data-invoice-desk] form[method=post]").forEach(sendOnce);

    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") {
        document.activeElement?.blur();
        document.querySelectorAll(".idesk details[open]").forEach((one) => (one.open = false));
        return;
      }
      const act = isTyping(event.target) ? undefined : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    // Coming back by the browser's arrow shows the page as it was left, with forms to send again.
    window.addEventListener("pageshow", () =>
      document.querySelectorAll("form").forEach((form) => delete form.dataset.isSent),
    );
  });
})();
