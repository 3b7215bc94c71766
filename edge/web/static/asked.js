// Whoever was asked about at the centre: what it answers comes into the open page by itself, and nothing typed is lost.
// The page says that nobody did anything (`watched`), so that it keeps no session open; without it, it is loaded again.

const address = new URL(location.href);
address.searchParams.set("watched", "1");
const parts = (page) => [...page.querySelectorAll("[data-identity]")];
const LONGEST = 30000;
let pause = 1500;

function show(part, now) {
  if (part.querySelector("[data-sent]")) return;
  part.toggleAttribute("data-open", now.hasAttribute("data-open"));
  if (part.textContent === now.textContent) return;
  const isHere = part.contains(document.activeElement);
  part.replaceChildren(...now.childNodes);
  if (isHere) (part.querySelector("button") || part).focus();
}

async function look() {
  if (!document.hidden) {
    const answer = await fetch(address);
    // Who has to sign in again does so with the next press: what is typed stays.
    if (!answer.ok || answer.redirected) return;
    const fresh = parts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    const mine = parts(document);
    if (mine.length === fresh.length) mine.forEach((part, place) => show(part, fresh[place]));
  }
  wait();
}

// Without a network the answer may take days: the pauses grow. A node that is away for a moment is asked again.
function wait() {
  if (!document.querySelector("[data-open]")) return;
  setTimeout(() => look().catch(wait), pause);
  pause = Math.min(pause * 1.25, LONGEST);
}
wait();
