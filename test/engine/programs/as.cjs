// Required before a program: shows it another system than this one. DND_TEST_PROCESS is JSON of what to replace in
// `process`: platform, arch, versions, execPath, and glibc, the version that its report tells (null: musl). uid: the user
// that an administrator becomes.
const fake = JSON.parse(process.env.DND_TEST_PROCESS ?? '{}');
for (const name of ['platform', 'arch', 'execPath'])
  if (fake[name] !== undefined) Object.defineProperty(process, name, { value: fake[name] });
if (fake.versions) Object.defineProperty(process, 'versions', { value: { ...process.versions, ...fake.versions } });
if (fake.glibc !== undefined)
  process.report.getReport = () => ({ header: fake.glibc === null ? {} : { glibcVersionRuntime: fake.glibc } });
if (fake.uid !== undefined && process.getuid?.() === 0) process.setuid(fake.uid);
