"use strict";
const revisions = [...document.querySelectorAll(".revision")];
const search = document.querySelector("#search");
const texts = new Map();

function text(revision) {
  if (!texts.has(revision)) texts.set(revision, revision.textContent.toLowerCase());
  return texts.get(revision);
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const revision of revisions) {
    revision.hidden = !words.every((word) => text(revision).includes(word));
    count += !revision.hidden;
  }
  document.querySelector("#matches").textContent = words.length ? `${count} of ${revisions.length}` : "";
}

function fold(isOpen) {
  for (const revision of revisions) if (!revision.hidden) revision.open = isOpen;
}

function show() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !revisions.includes(target)) return;
  target.hidden = false;
  target.open = true;
  target.scrollIntoView();
}

search.addEventListener("input", filter);
document.querySelector("#unfold").addEventListener("click", () => fold(true));
document.querySelector("#fold").addEventListener("click", () => fold(false));
document.querySelector("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.style.colorScheme
    ? root.style.colorScheme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = isDark ? "light" : "dark";
});
addEventListener("hashchange", show);
addEventListener("beforeprint", () => fold(true));
show();
