/**
 * Texts of our own for the demo, since those of the world belong to others: words of lists, and messages to an assistant at
 * home. Nothing was trained on any of them.
 */
const words = (text) => text.trim().split(/\s+/);

const COLOURS = words(
  'red blue green yellow purple orange white black brown pink grey turquoise scarlet beige crimson',
);
const ANIMALS = words(`badger heron walrus gecko moth beetle donkey falcon trout hamster toad raven mole weasel swan
  crab wasp panther bison newt`);
const FRUITS = words('apple pear plum cherry mango papaya apricot peach lemon lime melon quince fig date kiwi grape');
const ADJECTIVES = words(`gentle rough clever sour shiny empty narrow honest lazy noisy pale sudden thick wooden frozen
  hollow tidy bitter loyal mild`);
const VERBS = words(`carry bake throw paint climb borrow whisper dig wash mend fold polish measure gather stir plant
  deliver chase weigh hide`);
const PLURALS = {
  ...{
    lantern: 'lanterns',
    kettle: 'kettles',
    bridge: 'bridges',
    spoon: 'spoons',
    ticket: 'tickets',
    brush: 'brushes',
  },
  ...{ pillow: 'pillows', wheel: 'wheels', hammer: 'hammers', ribbon: 'ribbons', bottle: 'bottles', box: 'boxes' },
  ...{
    candle: 'candles',
    blanket: 'blankets',
    ladder: 'ladders',
    basket: 'baskets',
    mirror: 'mirrors',
    bench: 'benches',
  },
  ...{
    window: 'windows',
    drawer: 'drawers',
    helmet: 'helmets',
    anchor: 'anchors',
    engine: 'engines',
    glass: 'glasses',
  },
  ...{
    carpet: 'carpets',
    button: 'buttons',
    needle: 'needles',
    pencil: 'pencils',
    saddle: 'saddles',
    watch: 'watches',
  },
  ...{
    shovel: 'shovels',
    tunnel: 'tunnels',
    statue: 'statues',
    garden: 'gardens',
    island: 'islands',
    story: 'stories',
  },
  ...{
    valley: 'valleys',
    circle: 'circles',
    letter: 'letters',
    orchard: 'orchards',
    market: 'markets',
    city: 'cities',
  },
};
const HOME = {
  order: [
    'when will my parcel get here',
    'where is the lamp that I bought on monday',
    'has the desk from the online shop been sent yet',
    'is my delivery still on its way',
    'show me how far my package has come',
    'when does the blender that I ordered arrive',
    'check whether my books have been shipped',
  ],
  'todo list update': [
    'put calling the plumber on my to do list',
    'add mowing the lawn to my list of things to do',
    'take washing the car off my to do list, it is done',
    'I have to write to my aunt, put that on my to do list',
    'remove the dentist from my to do list',
    'my to do list needs cleaning the gutters on it',
    'cross paying the rent off my to do list',
  ],
  'shopping list update': [
    'we are out of rice, put it on the shopping list',
    'add two cartons of milk to my shopping list',
    'take the onions off the shopping list',
    'I need batteries on my shopping list',
    'put candles and matches on the list of things to buy',
    'remove cheese from my shopping list please',
    'the shopping list should have flour on it too',
  ],
  'next song': [
    'skip this one and play the next track',
    'go on to the next song please',
    'I do not like this song, next one',
    'can you jump to the following song',
    'play whatever song comes next',
    'move on to the next track now',
    'next song, this one is too slow',
  ],
  'play music': [
    'play some piano music',
    'I want to hear songs by the beatles',
    'put on something to dance to',
    'start playing my favourite band',
    'play me a waltz',
    'let me hear some old folk songs',
    'turn on music for a quiet evening',
  ],
  'update playlist': [
    'add this song to my party playlist',
    'put the track that is playing on my running playlist',
    'I want this tune on my driving playlist',
    'save this song to the playlist for sundays',
    'add the new single to my summer playlist',
    'place this one on my sleep playlist',
    'include this track in my study playlist',
  ],
};

/**
 * Texts of a domain, as `makeItems` of styles/tasks.cjs takes them: what a question is about, and its label.
 * @param random has `below(limit)` and `sample(limit, count)`, as SplitMix64
 */
const TEXTS = {
  colour: (random, count) => lists(random, count, COLOURS, ANIMALS),
  fruit: (random, count) => lists(random, count, FRUITS, ANIMALS),
  verb: (random, count) => lists(random, count, VERBS, ADJECTIVES),
  plural: () => Object.entries(PLURALS).map(([text, label]) => ({ slots: { text }, label })),
  home: () => {
    const labels = Object.keys(HOME).join(', ');
    return Object.entries(HOME).flatMap(([label, texts]) => texts.map((text) => ({ slots: { text, labels }, label })));
  },
};

/** Lists of five words, one of them of a kind of its own. */
function lists(random, count, odd, others) {
  const found = new Map();
  while (found.size < count) {
    const label = odd[random.below(odd.length)];
    const list = random.sample(others.length, 4).map((place) => others[place]);
    list.splice(random.below(5), 0, label);
    const text = list.join(', ');
    found.set(text, { slots: { text }, label });
  }
  return [...found.values()];
}

module.exports = { TEXTS };
