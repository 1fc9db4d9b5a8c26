/** Builds the web app into dist/: hashed assets, nothing inline, nothing from another host. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    target: "es2022",
    // A data: URL is one more thing that a strict Content-Security-Policy would have to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/ws": { target: "ws://127.0.0.1:8080", ws: true } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
