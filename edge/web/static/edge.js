// Small comforts; every page is complete without them.

// One key per place, as written beside its name. Esc goes back, and asks once where something typed would be lost.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  if (event.key === "F1") {
    const help = document.querySelector("[data-help]");
    if (help) {
      event.preventDefault();
      help.click();
    }
    return;
  }
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    return;
  }
  if (event.key === "Escape") {
    const back = document.querySelector("[data-back]");
    const typing = event.target.closest('input[type="search"]');
    if (back && !(typing && typing.value)) back.click();
    return;
  }
  const place = event.altKey && document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (place) {
    event.preventDefault();
    place.click();
    return;
  }
  // A hand scanner types wherever the cursor is; where nothing can be written its line belongs into the scanner's box.
  const scanner = document.querySelector("[data-scan]");
  const writes = event.target.closest('input:not([type="radio"], [type="checkbox"]), select, textarea');
  if (scanner && !writes && !event.altKey && event.key.length === 1 && event.key !== " ") scanner.focus();
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-keep]");
  if (form) form.dataset.changed = "yes";
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-loses]");
  if (link && document.querySelector("[data-changed]") && !window.confirm(link.dataset.loses)) event.preventDefault();
});

// The next scan takes the place of a line that was refused.
document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-scan]")) event.target.select();
});

// A form is sent once: a second click waits for the first answer.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // A form whose answer is a file leaves the page where it is, and may be sent again.
  if (form.matches("[data-again]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const words = form.querySelector("[data-busy]");
  if (words && event.submitter && event.submitter.contains(words)) {
    words.dataset.idle = words.textContent;
    words.textContent = words.dataset.busy;
  }
});

// Filters act at once; their buttons are for browsers without this file.
for (const part of document.querySelectorAll("[data-auto]")) {
  const form = part.closest("form");
  part.addEventListener("change", () => form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-spare]")) button.hidden = true;

// Lists filter as you type; what is typed goes nowhere, not even into the address.
const plain = (text) =>
  text.normalize("NFD").replace(/\p{Mn}/gu, "").replace(/[đĐðÐ]/g, "d").toLowerCase();

for (const box of document.querySelectorAll("[data-filters]")) {
  const table = document.getElementById(box.dataset.filters);
  if (!table) continue;
  const rows = [...table.tBodies[0].rows].map((row) => [row, plain(row.textContent)]);
  box.addEventListener("input", () => {
    const wanted = plain(box.value.trim());
    for (const [row, text] of rows) row.hidden = !text.includes(wanted);
    table.dispatchEvent(new Event("filtered"));
  });
}

// "Select all" means all rows that the filter shows, and the count is always said.
const untie = [];
for (const table of document.querySelectorAll("table.pick")) {
  const all = table.querySelector("[data-all]");
  const count = document.querySelector(`[data-count="${table.id}"]`);
  const boxes = [...table.querySelectorAll("tbody input[type=checkbox]")];
  const shown = () => boxes.filter((box) => !box.closest("tr").hidden);
  const tell = () => {
    const visible = shown();
    const ticked = visible.filter((box) => box.checked).length;
    // What is ticked on other pages counts as well.
    if (count) {
      const chosen = ticked + Number(count.dataset.elsewhere || 0);
      const unit = count.nextElementSibling;
      count.textContent = chosen.toLocaleString(document.documentElement.lang);
      unit.textContent = chosen === 1 ? unit.dataset.one : unit.dataset.many;
    }
    if (all) {
      all.checked = ticked > 0 && ticked === visible.length;
      all.indeterminate = ticked > 0 && ticked < visible.length;
    }
  };
  if (all) {
    all.addEventListener("change", () => {
      for (const box of shown()) box.checked = all.checked;
      tell();
    });
  }
  table.addEventListener("change", tell);
  table.addEventListener("filtered", tell);
  // What the filter hides is not previewed: the preview shows just the doses that were seen and ticked.
  const form = table.closest("form");
  if (form) {
    form.addEventListener("submit", (event) => {
      const previews = event.submitter && event.submitter.value === "preview";
      for (const box of boxes) box.disabled = Boolean(previews) && box.closest("tr").hidden;
    });
  }
  untie.push(() => boxes.forEach((box) => (box.disabled = false)), tell);
  tell();
}

// A page that the browser brings back whole may be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.forms) delete form.dataset.sent;
  for (const words of document.querySelectorAll("[data-idle]")) words.textContent = words.dataset.idle;
  for (const back of untie) back();
});

// The clock in the header goes on while the page stands still.
const clock = document.querySelector("[data-clock]");
if (clock) {
  const ahead = Number(clock.dataset.clock) * 1000 - Date.now();
  setInterval(() => {
    const now = new Date(Date.now() + ahead + 7 * 3600 * 1000);
    clock.textContent = now.toISOString().slice(11, 16);
  }, 5000);
}

// What is typed into a form that is kept goes to the node a moment later: a power cut loses seconds, not a form.
const keepAfter = 2000;
let keeping;
const texts = (form) => {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
  for (const box of form.querySelectorAll("input[type=password]")) body.delete(box.name);
  body.set("place", form.dataset.place);
  return body;
};
const keep = (form) =>
  fetch("/drafts", { method: "POST", body: texts(form), keepalive: true, redirect: "manual" }).catch(() => {});
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-keep][data-place]");
  if (!form || form.dataset.sent) return;
  clearTimeout(keeping);
  keeping = setTimeout(() => keep(form), keepAfter);
});
document.addEventListener("submit", () => clearTimeout(keeping));
// A page that was shown in answer to a form has no address of its own: it comes back by the address of its form.
const keepAll = (back) => {
  const forms = [...document.querySelectorAll("form[data-keep][data-place]")];
  if (back.value) return Promise.all(forms.filter((form) => form.dataset.changed).map(keep));
  if (forms.length) back.value = forms[0].dataset.place;
  return Promise.all(forms.map(keep));
};

// Locking keeps what is half typed first; a screen that nobody touches locks itself, also where a page asks by itself.
const touched = "hcvx-touched";
const touch = () => localStorage.setItem(touched, String(Date.now()));
if (!localStorage.getItem(touched)) touch();
for (const kind of ["keydown", "pointerdown", "wheel"]) document.addEventListener(kind, touch, { passive: true });
const lock = document.querySelector("form[data-lock]");
if (lock) {
  lock.addEventListener("submit", (event) => {
    if (lock.dataset.kept) return;
    event.preventDefault();
    event.stopPropagation();
    lock.dataset.kept = "yes";
    keepAll(lock.elements.back).then(() => lock.submit());
  });
  const idle = Number(document.body.dataset.idle) * 1000;
  setInterval(() => {
    if (Date.now() - Number(localStorage.getItem(touched)) >= idle) lock.requestSubmit();
  }, 5000);
}
