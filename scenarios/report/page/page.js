"use strict";
(function () {
  var all = function (selector, within) { return Array.from((within || document).querySelectorAll(selector)); };

  // Filters of the overview: one outcome, any of the tags pressed, all words.
  var filters = document.querySelector(".filters");
  if (filters) {
    var rows = all(".overview tbody tr"), search = filters.querySelector("input"), outcome = "";
    var apply = function () {
      var tags = all(".tag[aria-pressed=true]", filters).map(function (b) { return b.dataset.tag; });
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      rows.forEach(function (row) {
        var has = row.dataset.tags.split("\n");
        var show = (!outcome || row.dataset.outcome === outcome) &&
          (!tags.length || tags.some(function (t) { return has.includes(t); })) &&
          words.every(function (w) { return row.dataset.words.includes(w); });
        row.hidden = !show;
        document.getElementById(row.dataset.run).hidden = !show;
        shown += show ? 1 : 0;
      });
      document.querySelector(".none").hidden = shown > 0;
    };
    filters.hidden = false;
    filters.addEventListener("click", function (e) {
      var button = e.target.closest("button");
      if (!button) return;
      if (button.dataset.tag !== undefined) {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      } else {
        outcome = button.dataset.outcome;
        all("[data-outcome]", filters).forEach(function (b) { b.setAttribute("aria-pressed", b === button); });
      }
      apply();
    });
    search.addEventListener("input", apply);
  }

  // A link to a scenario opens it.
  var reveal = function () {
    var target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Everything is open on paper.
  var closed = [];
  addEventListener("beforeprint", function () {
    closed = all("details:not([open])");
    closed.forEach(function (d) { d.open = true; });
  });
  addEventListener("afterprint", function () { closed.forEach(function (d) { d.open = false; }); });

  // The command line goes to the clipboard; where that is refused it is selected.
  all(".copy").forEach(function (button) {
    var code = button.parentNode.querySelector("code");
    var done = function () {
      button.textContent = "copied";
      setTimeout(function () { button.textContent = "copy"; }, 1500);
    };
    var select = function () { getSelection().selectAllChildren(code); };
    button.hidden = false;
    button.addEventListener("click", function () {
      if (!navigator.clipboard) return select();
      navigator.clipboard.writeText(code.textContent).then(done, select);
    });
  });

  // A line through all lanes tells the time under the pointer.
  var unit = { h: 3600, m: 60, s: 1, ms: 1e-3, "µs": 1e-6, ns: 1e-9 };
  var seconds = function (text) {
    var sum = 0;
    text.replace(/([\d.]+)(h|ms|m|s|µs|ns)/g, function (_, n, u) { sum += n * unit[u]; });
    return sum;
  };
  var write = function (s) {
    if (s < 60) return s.toFixed(s < 10 ? 1 : 0) + "s";
    s = Math.round(s);
    var h = Math.floor(s / 3600), m = Math.floor(s % 3600 / 60);
    return (h ? h + "h" : "") + (m ? m + "m" : "") + (s % 60 ? s % 60 + "s" : "");
  };
  all(".timeline").forEach(function (figure) {
    var span = seconds(figure.dataset.span), cursor = document.createElement("div"), label = document.createElement("span");
    cursor.className = "cursor";
    cursor.hidden = true;
    cursor.append(label);
    figure.append(cursor);
    figure.addEventListener("pointermove", function (e) {
      var plot = figure.querySelector(".axis svg").getBoundingClientRect();
      var share = (e.clientX - plot.left) / plot.width;
      cursor.hidden = !(share >= 0 && share <= 1);
      cursor.style.left = e.clientX - figure.getBoundingClientRect().left + "px";
      cursor.classList.toggle("flip", share > .8);
      label.textContent = write(share * span);
    });
    figure.addEventListener("pointerleave", function () { cursor.hidden = true; });
  });
})();
