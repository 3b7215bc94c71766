// The page of a turn at the token: follows how far it is, and helps with the PIN. Without this file it reloads itself.

const turn = document.querySelector("[data-turn]");

async function follow() {
  const answer = await fetch(turn.dataset.follow, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const now = await answer.json();
  if (isSent()) return;
  if (now.state !== turn.dataset.turn) return location.reload();
  const words = turn.querySelector("[data-turn-words]");
  const bar = turn.querySelector("progress[max]");
  if (words && words.textContent !== now.words) words.textContent = now.words;
  if (bar) bar.value = now.done;
  setTimeout(again, now.state === "pin" ? 1000 : 300);
}

// A node that is away for a moment is asked again. Nothing is asked while the form is on its way to the signer.
const isSent = () => document.querySelector("[data-pin][data-sent]");
const again = () => {
  if (isSent()) return;
  follow().catch(() => setTimeout(again, 2000));
};
if (turn) setTimeout(again, 300);

// What an input method or Caps Lock has changed is said before it costs a try. The signer looks at it as well.
const pin = document.querySelector("[data-pin] input[type=password]");
if (pin) {
  const caps = document.querySelector("[data-caps]");
  const marks = document.querySelector("[data-marks]");
  const look = () => {
    const strange = /[^\x20-\x7e]/.test(pin.value);
    if (!marks) return;
    marks.hidden = !strange;
    pin.setCustomValidity(strange ? marks.textContent : "");
  };
  for (const kind of ["keydown", "keyup"]) {
    document.addEventListener(kind, (event) => {
      if (event.getModifierState) caps.hidden = !event.getModifierState("CapsLock");
    });
  }
  pin.addEventListener("input", look);

  const keypad = document.querySelector("[data-keypad]");
  if (keypad) {
    keypad.hidden = false;
    keypad.addEventListener("click", (event) => {
      const key = event.target.closest("[data-digit]");
      if (!key) return;
      const digit = key.dataset.digit;
      pin.value = digit === "" ? "" : digit === "back" ? pin.value.slice(0, -1) : pin.value + digit;
      look();
    });
  }
}
