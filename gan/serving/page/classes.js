// A slider for each class, and a filter where the strip has no room for all.

import { isEmpty, percent } from "./state.js";

/**
 * Fill the list, with a filter if there are more than `mostShown`. `setWeight(index, weight)` is called as a slider
 * moves, `setAlone(index)` where a name is pressed, `setFiltered(indices)` where the filter leaves these. Returns what
 * shows a state's weights.
 */
export function classSliders(names, { mostShown, setWeight, setAlone, setFiltered }) {
  const list = document.getElementById("classes");
  const rows = names.map((name, index) => row(name, () => setAlone(index), (weight) => setWeight(index, weight)));
  list.style.setProperty("--name-length", Math.max(...names.map(({ length }) => length)));
  list.append(...rows.map(({ item }) => item));
  if (names.length > mostShown) filter(names, rows, setFiltered);

  return (weights) => {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    rows.forEach(({ item, slider, output }, index) => {
      const share = percent(isEmpty(weights) ? 0 : weights[index] / sum);
      slider.value = weights[index];
      slider.ariaValueText = `weight ${weights[index]}, share ${share}`;
      output.value = share;
      item.classList.toggle("drawn", weights[index] > 0);
    });
  };
}

function row(name, setAlone, setWeight) {
  const item = document.getElementById("class-row").content.cloneNode(true).firstElementChild;
  const [button, slider, output] = item.children;
  button.textContent = name;
  button.title = `Draw only ${name}`;
  button.ariaLabel = `Only ${name}`;
  button.addEventListener("click", setAlone);
  slider.ariaLabel = `Weight of ${name}`;
  slider.addEventListener("input", () => setWeight(Number(slider.value)));
  return { item, slider, output };
}

function filter(names, rows, setFiltered) {
  const field = document.getElementById("filter");
  document.getElementById("filter-label").hidden = false;
  document.getElementById("classes").classList.add("many");
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    const left = names.map((_, index) => index).filter((index) => names[index].toLowerCase().includes(wanted));
    const shown = new Set(left);
    rows.forEach(({ item }, index) => (item.hidden = !shown.has(index)));
    document.getElementById("no-class").hidden = left.length > 0;
    setFiltered(left);
  });
}
