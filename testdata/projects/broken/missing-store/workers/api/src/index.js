export default { queue() {} }
