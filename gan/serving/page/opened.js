// A browser runs no modules of a page that is opened from a disk, so this is none: it says why nothing is drawn.

if (location.protocol === "file:") {
  document.getElementById("status").textContent =
    "A browser draws here only if a web server hands it the page: run python -m http.server in this folder, then " +
    "open http://localhost:8000.";
}
