export function helper() {
  return 'ok'
}
