// Says what to do where the page was opened as a file. It is no module: browsers load no modules of files.

if (location.protocol === "file:") {
  document.getElementById("loading").hidden = true;
  const said = document.getElementById("error");
  said.hidden = false;
  said.textContent =
    "This page has to come from a web server: run 'python -m http.server' in its folder, and open " +
    "http://localhost:8000";
}
