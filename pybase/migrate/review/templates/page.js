"use strict";
const revisions = [...document.querySelectorAll(".revision")];
const search = document.querySelector("#search");
const found = document.querySelector("#found");
const words = new Map();

function text(revision) {
  if (!words.has(revision)) words.set(revision, revision.textContent.toLowerCase());
  return words.get(revision);
}

function filter() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const revision of revisions) {
    revision.hidden = !wanted.every((word) => text(revision).includes(word));
    count += !revision.hidden;
  }
  found.textContent = wanted.length ? `${count} of ${revisions.length}` : "";
}

function fold(isOpen) {
  for (const revision of revisions) if (!revision.hidden) revision.open = isOpen;
}

function show() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!wanted || !revisions.includes(wanted)) return;
  wanted.hidden = false;
  wanted.open = true;
  wanted.scrollIntoView();
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
