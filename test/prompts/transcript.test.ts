import { exchangeInText } from '../../src/prompts/transcript.js';

const CONTEXT = { source: 'a.jsonl', fields: {} };
const read = (text: string) => exchangeInText(text, 'in line 1', CONTEXT);

/** The user's turn and the opening of the assistant's. */
const TEMPLATES: [string, string][] = [
  ['ChatML', '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n'],
  ['Phi-4', '<|im_start|>user<|im_sep|>hi<|im_end|><|im_start|>assistant<|im_sep|>'],
  ['Llama 2', '[INST] hi [/INST] '],
  [
    'Llama 3',
    '<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  ],
  ['Llama 4', '<|header_start|>user<|header_end|>\n\nhi<|eot|><|header_start|>assistant<|header_end|>\n\n'],
  ['Gemma', '<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n'],
  ['Zephyr', '<|user|>\nhi</s>\n<|assistant|>\n'],
  ['harmony', '<|start|>user<|message|>hi<|end|><|start|>assistant'],
  ['DeepSeek', '<｜User｜>hi<｜Assistant｜>'],
  ['Granite', '<|start_of_role|>user<|end_of_role|>hi<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>'],
  ['Kimi', '<|im_user|>user<|im_middle|>hi<|im_end|><|im_assistant|>assistant<|im_middle|>'],
  ['Command R', '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>hi<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'],
  ['EXAONE', '[|user|]hi\n[|assistant|]'],
  ['Alpaca', '### Instruction:\nhi\n\n### Response:\n'],
  ['Vicuna', 'A chat between a curious user and an assistant. USER: hi ASSISTANT: '],
  ['a preamble of several lines', 'Below is a dialogue.\n\nHuman: hi\n\nAssistant: '],
  ['DeepSeek of old', 'User: hi\n\nAssistant: '],
];

test.each(TEMPLATES)('an answer in the template of %s is refused, and none is a prompt', (_, opening) => {
  expect(read(opening.trimEnd())).toBeUndefined();
  expect(read(opening)).toBeUndefined();
  expect(() => read(`${opening}hello`)).toThrow('it has an answer in it, in a chat template');
});

test.each([
  'Who is the assistant? Assistant: a person who helps.',
  'The assistant said: hello. A user: somebody.',
  'What does <|start|> mean?',
  'ASSISTANT: hello USER: hi',
])('a text that only has words of templates in it is a prompt: %j', (text) => {
  expect(read(text)).toBeUndefined();
});
