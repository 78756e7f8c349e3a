// Runs before the page is drawn, so that it never flashes in the wrong colours: the system's, until others are chosen.
{
  const light = matchMedia("(prefers-color-scheme: light)");
  const dress = () => {
    const chosen = localStorage.getItem("semsynth.theme") ?? JSON.stringify(light.matches ? "light" : "dark");
    document.documentElement.dataset.theme = chosen === JSON.stringify("light") ? "light" : "dark";
  };
  light.addEventListener("change", dress);
  dress();
}
