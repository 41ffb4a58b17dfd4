declare module 'node-gyp-build' {
  /** Loads the addon of the package in `root`: its own build if there is one, else the prebuilt binary that fits. */
  function load(root: string): unknown;
  namespace load {
    /** The file that `load` would load; throws when there is none. */
    function resolve(root: string): string;
  }
  export = load;
}
