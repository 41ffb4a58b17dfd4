/** Where the bytes of a tensor are in an open file. */
export interface TensorPlace {
  /** Of the file, while the reader is open. */
  descriptor: number;
  path: string;
  byteOffset: number;
  byteLength: number;
}
