// The reception desk by keyboard: choose among people by digit or arrow; the next card may be scanned at any time.

const choices = [...document.querySelectorAll("[data-choice]")];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select, textarea");
  const place = choices.indexOf(event.target.closest("[data-choice]"));
  if (place >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : choices.length - 1;
    choices[(place + step) % choices.length].focus();
    return;
  }
  if (typing) {
    // From the box the arrow leads down to whom it found.
    if (event.target.matches("[data-scan]") && event.key === "ArrowDown" && choices.length) {
      event.preventDefault();
      choices[0].focus();
    }
    return;
  }
  const chosen = document.querySelector(`[data-choice="${CSS.escape(event.key)}"]`);
  if (chosen) {
    event.preventDefault();
    chosen.click();
    return;
  }
  // What a scanner types while a button has the cursor belongs into the box; a space presses the button.
  const scanner = document.querySelector("[data-scan]");
  if (scanner && event.key.length === 1 && event.key !== " ") scanner.focus();
});
