// What threads of the data plane use of this folder; they load nothing of the API.
export { holdUnpurged, LEAF_DAY } from './purge.store.js';
