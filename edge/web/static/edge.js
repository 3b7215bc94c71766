// Small comforts; every page is complete without them.

// One key per place, as written beside its name. Esc goes back, and asks once where something typed would be lost.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape") {
    const back = document.querySelector("[data-back]");
    const typing = event.target.closest('input[type="search"]');
    if (back && !(typing && typing.value)) back.click();
    return;
  }
  const place = event.altKey && document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (place) {
    event.preventDefault();
    place.click();
    return;
  }
  // A hand scanner types wherever the cursor is; with the cursor nowhere its line belongs into the scanner's box.
  const scanner = document.querySelector("[data-scan]");
  if (scanner && !event.altKey && event.key.length === 1 && event.target === document.body) scanner.focus();
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
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
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
    if (count) count.textContent = ticked.toLocaleString("vi-VN");
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
  // What the filter hides is not sent: the preview shows just the doses that were seen and ticked.
  const form = table.closest("form");
  if (form) form.addEventListener("submit", () => boxes.forEach((box) => (box.disabled = box.closest("tr").hidden)));
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
