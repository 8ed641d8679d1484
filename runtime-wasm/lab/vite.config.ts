import { defineConfig } from 'vite';

export default defineConfig({
  // Wherever it is put, it finds its files.
  base: './',
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  worker: { format: 'es' },
});
