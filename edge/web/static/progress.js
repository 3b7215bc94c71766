// Long work on this page: asks every half second how far it is; without this file the page reloads itself.

const shown = document.querySelector("[data-progress]");

async function ask() {
  const answer = await fetch(shown.dataset.progress, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const progress = await answer.json();
  if (!progress.going_on) return location.reload();
  shown.querySelector("progress").value = progress.done;
  shown.querySelector("[data-progress-words]").textContent = progress.words;
  setTimeout(ask, 500);
}

// A node that is away for a moment is asked again.
const again = () => ask().catch(() => setTimeout(again, 2000));
if (shown) setTimeout(again, 500);
