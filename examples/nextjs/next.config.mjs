/** @type {import('next').NextConfig} */
export default {
  // The addon cannot be part of a bundle: Next.js is to load the package from node_modules.
  serverExternalPackages: ['dnd-lora'],
};
