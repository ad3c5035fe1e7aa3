import { defineConfig } from "vite";

// Names without hashes: the server lets nobody keep a copy, and a changed bundle shows as a changed file.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/hnuiseg/server/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: "viewer.js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
