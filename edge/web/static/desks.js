// Comforts of the desks; every page is complete without them.

// The next person stands on the page at once after saving: the key that saved must not save again before anybody looked.
const SETTLE_MILLISECONDS = 600;
const opened = performance.now();
document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches("[data-settle]") && performance.now() - opened < SETTLE_MILLISECONDS) {
      event.preventDefault();
      event.stopPropagation();
    }
  },
  true,
);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.repeat) event.preventDefault();
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.focus();
  button.addEventListener("click", () => window.print());
}

// Minutes go on counting; when somebody may leave, or every minute while nothing is being typed, the page is read anew.
const watched = [...document.querySelectorAll("[data-until]")];
if (watched.length) {
  const list = document.querySelector("[data-now]");
  const ahead = Number(list.dataset.now) * 1000 - Date.now();
  const RELOAD_MILLISECONDS = 60_000;
  setInterval(() => {
    let isDue = false;
    for (const one of watched) {
      const minutes = Math.ceil((Number(one.dataset.until) * 1000 - Date.now() - ahead) / 60_000);
      if (minutes > 0) one.textContent = one.dataset.words.replace("#", minutes);
      else isDue = true;
    }
    const isTyping = [...document.querySelectorAll("input[type=text]")].some((box) => box.value);
    const isOpen = document.querySelector("details[open]");
    if ((isDue || performance.now() - opened > RELOAD_MILLISECONDS) && !isTyping && !isOpen) location.reload();
  }, 5_000);
}
