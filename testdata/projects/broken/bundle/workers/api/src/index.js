export default {
  fetch() { return return }, // want "bundle"
}
